// gRPC's interop cases as grpc-js does them, for `interop_server.py`: `node interop_client.js PORT`, with grpc-js in
// NODE_PATH. Prints what became of each as JSON, as `interop_client.py` does.
'use strict';
const grpc = require('@grpc/grpc-js');

const SERVICE = 'grpc.testing.TestService';
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
const UP = [27182, 8, 1828, 45904];
const DOWN = [31415, 9, 2653, 58979];
const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';
const PATIENCE_MS = 20000;

const same = (bytes) => bytes;
const address = `127.0.0.1:${process.argv[2]}`;
const connect = (options) => new grpc.Client(address, grpc.credentials.createInsecure(), options);
const channel = connect({});

// A message.
function ask(payload, wanted = {}) {
  return Buffer.concat([Buffer.from(JSON.stringify({ ...wanted, payload }) + '\n'), Buffer.alloc(payload)]);
}

const options = (milliseconds = PATIENCE_MS) => ({ deadline: Date.now() + milliseconds });
const path = (method, service = SERVICE) => `/${service}/${method}`;

// A call of one message to one: what became of it.
function unary(method, request, { client = channel, metadata = new grpc.Metadata(), service = SERVICE } = {}) {
  return new Promise((resolve) => {
    const seen = {};
    const call = client.makeUnaryRequest(path(method, service), same, same, request, metadata, options(),
      (error, value) => { seen.error = error; seen.size = value && value.length; });
    call.on('metadata', (initial) => { seen.initial = initial; });
    call.on('status', (status) => { seen.status = status; setImmediate(() => resolve(seen)); });
  });
}

// What comes on a stream: the sizes of messages, and its status. `use` is called with each.
function ended(call, use = () => {}) {
  return new Promise((resolve) => {
    const seen = { sizes: [] };
    call.on('metadata', (initial) => { seen.initial = initial; });
    call.on('data', (message) => { seen.sizes.push(message.length); use(seen.sizes.length); });
    call.on('error', () => {});
    call.on('status', (status) => { seen.status = status; setImmediate(() => resolve(seen)); });
  });
}

const both = (settings = options(), metadata = new grpc.Metadata()) =>
  channel.makeBidiStreamRequest(path('FullDuplexCall'), same, same, metadata, settings);

function up() {
  const seen = {};
  const call = channel.makeClientStreamRequest(path('StreamingInputCall'), same, same, new grpc.Metadata(), options(),
    (error, value) => { seen.value = value; });
  const over = new Promise((resolve) => {
    call.on('status', (status) => { seen.status = status; setImmediate(() => resolve(seen)); });
  });
  return [call, over];
}

const name = (status) => grpc.status[status.code];
const told = (status) => [name(status), status.details];

function echoed() {
  const metadata = new grpc.Metadata();
  metadata.set(INITIAL, 'test_initial_metadata_value');
  metadata.set(TRAILING, Buffer.from([0xab, 0xab, 0xab]));
  return metadata;
}

const echo = (seen) => [seen.initial.get(INITIAL)[0], seen.status.metadata.get(TRAILING)[0].toString('hex')];

const CASES = {
  async empty_unary() { return (await unary('EmptyCall', Buffer.alloc(0))).size; },

  async large_unary() { return (await unary('UnaryCall', ask(271828, { size: 314159 }))).size; },

  async client_compressed_unary() {
    const client = connect({ 'grpc.default_compression_algorithm': 2 });
    const { size } = await unary('UnaryCall', ask(271828, { size: 314159 }), { client });
    client.close();
    return size;
  },

  async server_compressed_unary() {
    return (await unary('UnaryCall', ask(271828, { size: 314159, compressed: true }))).size;
  },

  async client_streaming() {
    const [call, over] = up();
    UP.forEach((size) => call.write(Buffer.alloc(size)));
    call.end();
    return Number((await over).value.toString());
  },

  async server_streaming() {
    const call = channel.makeServerStreamRequest(
      path('StreamingOutputCall'), same, same, ask(0, { sizes: DOWN }), new grpc.Metadata(), options());
    return (await ended(call)).sizes;
  },

  async ping_pong() {
    const call = both();
    const next = (number) => call.write(ask(UP[number], { sizes: [DOWN[number]] }));
    const over = ended(call, (number) => (number < UP.length ? next(number) : call.end()));
    next(0);
    const seen = await over;
    return [seen.sizes, [], name(seen.status)];
  },

  async empty_stream() {
    const call = both();
    call.end();
    return (await ended(call)).sizes;
  },

  async timeout_on_sleeping_server() {
    const call = both(options(50));
    call.write(ask(27182, { sizes: [] }));
    return [name((await ended(call)).status)];
  },

  async cancel_after_begin() {
    const [call, over] = up();
    call.cancel();
    const { status } = await over;
    return [status.code === grpc.status.CANCELLED, name(status)];
  },

  async cancel_after_first_response() {
    const call = both();
    const over = ended(call, () => call.cancel());
    call.write(ask(27182, { sizes: [31415] }));
    const seen = await over;
    return [seen.sizes[0], name(seen.status)];
  },

  async status_code_and_message() {
    const request = ask(0, { code: 2, message: 'test status message', sizes: [] });
    const call = both();
    const over = ended(call);
    call.write(request);
    call.end();
    return [told((await unary('UnaryCall', request)).status), told((await over).status)];
  },

  async special_status_message() {
    return told((await unary('UnaryCall', ask(0, { code: 2, message: SPECIAL }))).status);
  },

  async custom_metadata() {
    const call = both(options(), echoed());
    const over = ended(call);
    call.write(ask(0, { sizes: [314159] }));
    call.end();
    const first = await unary('UnaryCall', ask(271828, { size: 314159 }), { metadata: echoed() });
    return [echo(first), echo(await over)];
  },

  async unimplemented_method() { return [name((await unary('UnimplementedCall', Buffer.alloc(0))).status)]; },

  async unimplemented_service() {
    const service = 'grpc.testing.UnimplementedService';
    return [name((await unary('UnimplementedCall', Buffer.alloc(0), { service })).status)];
  },
};

async function main() {
  const said = {};
  for (const [each, run] of Object.entries(CASES)) said[each] = await run();
  channel.close();
  process.stdout.write(JSON.stringify(said), () => process.exit(0)); // timers of deadlines would wait
}

main();
