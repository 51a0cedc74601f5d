"""Calls a method of gRPC through the router, and prints what comes back.

    python call.py PORT SERVICE/METHOD TEXT [--times N] [--timeout SECONDS] [--metadata NAME=VALUE]

A method may answer once or many times; to a client that reads a stream it is the same.
"""

import argparse

import grpc


def main() -> None:
    """Call."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("method")
    parser.add_argument("text")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=10.0)
    parser.add_argument("--metadata", action="append", default=[])
    options = parser.parse_args()
    metadata = [tuple(each.split("=", 1)) for each in options.metadata]
    with grpc.insecure_channel(f"127.0.0.1:{options.port}") as channel:
        method = channel.unary_stream(f"/{options.method}")
        for _ in range(options.times):
            try:
                for answer in method(options.text.encode(), timeout=options.timeout, metadata=metadata):
                    print(answer.decode())
            except grpc.RpcError as error:
                print(error.code().name)


if __name__ == "__main__":
    main()
