"""Messages on which servers disagree (RFC 9112 section 11; the cases that http-garden and its like collect).

Each with our verdict: a status where it is refused, or how the body is framed (bytes, -1 chunked, -2 neither) where
it is taken, with what is forwarded left to the other tests.
"""

from types import ModuleType

import pytest

from noderouter.proxy.http1.fields import HeadError

G = b"GET / HTTP/1.1\r\n"
P = b"POST / HTTP/1.1\r\nHost: a\r\n"
OLD = b"POST / HTTP/1.0\r\nHost: a\r\n"
H = b"Host: a\r\n"
CL = b"Content-Length: 5\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n"

REQUESTS: dict[str, tuple[bytes, int]] = {
    # Content-Length and Transfer-Encoding together: CL.TE, TE.CL
    "CL then TE": (P + CL + TE + END, 400),
    "TE then CL": (P + TE + CL + END, 400),
    "CL 0 then TE": (P + b"Content-Length: 0\r\n" + TE + END, 400),
    "CL and TE far apart": (P + CL + b"A: b\r\n" * 50 + TE + END, 400),
    "CL and unknown TE": (P + CL + b"Transfer-Encoding: x\r\n" + END, 400),
    # Transfer-Encoding that some take for chunked: TE.TE
    "TE twice": (P + TE + TE + END, 400),
    "TE identity then chunked, two lines": (P + b"Transfer-Encoding: identity\r\n" + TE + END, 501),
    "TE chunked then identity, two lines": (P + TE + b"Transfer-Encoding: identity\r\n" + END, 400),
    "TE identity": (P + b"Transfer-Encoding: identity\r\n" + END, 501),
    "TE gzip, chunked": (P + b"Transfer-Encoding: gzip, chunked\r\n" + END, 501),
    "TE chunked, gzip": (P + b"Transfer-Encoding: chunked, gzip\r\n" + END, 400),
    "TE chunked, chunked": (P + b"Transfer-Encoding: chunked, chunked\r\n" + END, 400),
    "TE chunked, identity": (P + b"Transfer-Encoding: chunked, identity\r\n" + END, 400),
    "TE xchunked": (P + b"Transfer-Encoding: xchunked\r\n" + END, 501),
    "TE chunkedx": (P + b"Transfer-Encoding: chunkedx\r\n" + END, 501),
    "TE chunk": (P + b"Transfer-Encoding: chunk\r\n" + END, 501),
    "TE quoted": (P + b'Transfer-Encoding: "chunked"\r\n' + END, 400),
    "TE single-quoted is a token": (P + b"Transfer-Encoding: 'chunked'\r\n" + END, 501),
    "TE with parameter": (P + b"Transfer-Encoding: chunked;x=y\r\n" + END, 400),
    "TE with trailing comma": (P + b"Transfer-Encoding: chunked,\r\n" + END, 400),
    "TE with leading comma": (P + b"Transfer-Encoding: ,chunked\r\n" + END, 400),
    "TE empty": (P + b"Transfer-Encoding:\r\n" + END, 400),
    "TE two words": (P + b"Transfer-Encoding: x chunked\r\n" + END, 400),
    "TE vertical tab before": (P + b"Transfer-Encoding: \x0bchunked\r\n" + END, 400),
    "TE form feed behind": (P + b"Transfer-Encoding: chunked\x0c\r\n" + END, 400),
    "TE NUL behind": (P + b"Transfer-Encoding: chunked\x00\r\n" + END, 400),
    "TE no-break space before": (P + b"Transfer-Encoding: \xa0chunked\r\n" + END, 400),
    "TE next-line behind": (P + b"Transfer-Encoding: chunked\x85\r\n" + END, 400),
    "TE Kelvin sign": (P + b"Transfer-Encoding: chun\xe2\x84\xaaed\r\n" + END, 400),
    "TE tab before": (P + b"Transfer-Encoding:\tchunked\r\n" + END, -1),
    "TE upper case": (P + b"TRANSFER-ENCODING: CHUNKED\r\n" + END, -1),
    "TE space before colon": (P + b"Transfer-Encoding : chunked\r\n" + END, 400),
    "TE tab before colon": (P + b"Transfer-Encoding\t: chunked\r\n" + END, 400),
    "TE bare CR before": (P + b"Transfer-Encoding:\rchunked\r\n" + END, 400),
    "TE behind a bare CR": (P + b"X: y\rTransfer-Encoding: chunked\r\n" + END, 400),
    "TE behind a bare LF": (P + b"X: y\nTransfer-Encoding: chunked\r\n" + END, 400),
    "TE folded": (P + b"Transfer-Encoding:\r\n chunked\r\n" + END, 400),
    "TE folded behind another": (P + b"X: y\r\n Transfer-Encoding: chunked\r\n" + END, 400),
    "TE with NUL in its name": (P + b"Transfer-Encoding\x00: chunked\r\n" + END, 400),
    "TE with underscore is another field": (P + b"Transfer_Encoding: chunked\r\n" + END, 0),
    "TE in HTTP/1.0": (OLD + TE + END, 400),
    "TE and CL in HTTP/1.0": (OLD + CL + TE + END, 400),
    "TE unknown in HTTP/1.0": (OLD + b"Transfer-Encoding: x\r\n" + END, 400),
    # Content-Length that some read differently
    "CL twice, equal": (P + CL + CL + END, 400),
    "CL twice, different": (P + CL + b"Content-Length: 6\r\n" + END, 400),
    "CL list, equal": (P + b"Content-Length: 5, 5\r\n" + END, 400),
    "CL list, different": (P + b"Content-Length: 5,6\r\n" + END, 400),
    "CL plus": (P + b"Content-Length: +5\r\n" + END, 400),
    "CL minus": (P + b"Content-Length: -5\r\n" + END, 400),
    "CL minus zero": (P + b"Content-Length: -0\r\n" + END, 400),
    "CL hexadecimal": (P + b"Content-Length: 0x5\r\n" + END, 400),
    "CL exponent": (P + b"Content-Length: 1e1\r\n" + END, 400),
    "CL fraction": (P + b"Content-Length: 5.0\r\n" + END, 400),
    "CL underscore": (P + b"Content-Length: 1_0\r\n" + END, 400),
    "CL space inside": (P + b"Content-Length: 5 0\r\n" + END, 400),
    "CL empty": (P + b"Content-Length:\r\n" + END, 400),
    "CL blank": (P + b"Content-Length: \t \r\n" + END, 400),
    "CL Arabic digit": (P + b"Content-Length: \xd9\xa5\r\n" + END, 400),
    "CL superscript two in Latin-1": (P + b"Content-Length: \xb2\r\n" + END, 400),
    "CL 2**63": (P + b"Content-Length: 9223372036854775808\r\n" + END, 400),
    "CL 2**64 + 5": (P + b"Content-Length: 18446744073709551621\r\n" + END, 400),
    "CL leading zeros": (P + b"Content-Length: 0005\r\n" + END, 5),
    "CL 19 zeros": (P + b"Content-Length: 0000000000000000005\r\n" + END, 400),
    "CL vertical tab": (P + b"Content-Length: \x0b5\r\n" + END, 400),
    "CL no-break space": (P + b"Content-Length: \xa05\r\n" + END, 400),
    "CL space before colon": (P + b"Content-Length : 5\r\n" + END, 400),
    "CL folded": (P + b"Content-Length: 5\r\n 0\r\n" + END, 400),
    "CL with underscore is another field": (P + b"Content_Length: 5\r\n" + END, 0),
    "CL named by Connection": (P + b"Connection: content-length\r\n" + CL + END, 400),
    "TE named by Connection": (P + b"Connection: Transfer-Encoding\r\n" + TE + END, 400),
    "CL on GET": (G + H + CL + END, 5),
    "CL on CONNECT": (b"CONNECT a:1 HTTP/1.1\r\n" + H + CL + END, 400),
    "TE on CONNECT": (b"CONNECT a:1 HTTP/1.1\r\n" + H + TE + END, 400),
    "CL 0 on CONNECT": (b"CONNECT a:1 HTTP/1.1\r\n" + H + b"Content-Length: 0\r\n" + END, 0),
    # Host
    "no Host": (G + END, 400),
    "no Host in HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", 0),
    "Host twice, equal": (G + H + H + END, 400),
    "Host twice, different case": (G + H + b"hOST: a\r\n" + END, 400),
    "Host twice in HTTP/1.0": (b"GET / HTTP/1.0\r\n" + H + H + END, 400),
    "Host list": (G + b"Host: a, b\r\n" + END, 400),
    "Host list without space": (G + b"Host: a,b\r\n" + END, 400),
    "Host empty": (G + b"Host:\r\n" + END, 0),
    "Host with user": (G + b"Host: a@b\r\n" + END, 400),
    "Host with path": (G + b"Host: a/b\r\n" + END, 400),
    "Host with scheme": (G + b"Host: http://a\r\n" + END, 400),
    "Host with query": (G + b"Host: a?b\r\n" + END, 400),
    "Host with space": (G + b"Host: a b\r\n" + END, 400),
    "Host with two ports": (G + b"Host: a:1:2\r\n" + END, 400),
    "Host with port name": (G + b"Host: a:http\r\n" + END, 400),
    "Host with port too large": (G + b"Host: a:65536\r\n" + END, 400),
    "Host a port only": (G + b"Host: :80\r\n" + END, 400),
    "Host folded": (G + b"Host: a\r\n\tb\r\n" + END, 400),
    "Host as first line folded": (G + b" Host: a\r\n" + H + END, 400),
    "Host with NUL": (G + b"Host: a\x00b\r\n" + END, 400),
    "Host UTF-8": (G + b"Host: \xc3\xa4\r\n" + END, 400),
    "Host broken escape": (G + b"Host: a%2\r\n" + END, 400),
    "Host IPv6 without brackets": (G + b"Host: ::1\r\n" + END, 400),
    "Host IPv6 with zone": (G + b"Host: [fe80::1%25eth0]\r\n" + END, 400),
    "Host IPv6 of 45 bytes": (G + b"Host: [ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:80\r\n" + END, 0),
    "Host IPv6 of 46 bytes": (G + b"Host: [ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555]\r\n" + END, 400),
    "Host IPv6 of 47 bytes": (G + b"Host: [ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.25555]\r\n" + END, 400),
    "Host space before colon": (G + b"Host : a\r\n" + END, 400),
    "Host named by Connection": (G + H + b"Connection: host\r\n" + END, 400),
    "context named by Connection": (G + H + b"Connection: l5d-ctx-dtab\r\n" + END, 400),
    "absolute-form without Host": (b"GET http://a/ HTTP/1.1\r\n" + END, 400),
    "absolute-form with another Host": (b"GET http://b/ HTTP/1.1\r\n" + H + END, 0),
    "absolute-form with user": (b"GET http://a@b/ HTTP/1.1\r\n" + H + END, 400),
    # lines
    "bare LF behind request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare LF behind field": (G + b"Host: a\n\r\n", 400),
    "bare LF as empty line": (G + H + b"\n", 400),
    "CR CR LF": (G + b"Host: a\r\r\n\r\n", 400),
    "CR as empty line": (G + H + b"\rX", 400),
    "bare CR in request line": (b"GET /\rHTTP/1.1\r\n" + H + END, 400),
    "LF CR": (G + b"Host: a\n\r\r\n\r\n", 400),
    "empty name": (G + H + b": x\r\n" + END, 400),
    "no colon": (G + H + b"Foo\r\n" + END, 400),
    "no colon, then folded": (G + H + b"Foo\r\n : x\r\n" + END, 400),
    "space inside a name": (G + H + b"Foo Bar: x\r\n" + END, 400),
    "brackets in a name": (G + H + b"X[0]: x\r\n" + END, 400),
    "high byte in a name": (G + H + b"F\xf6\xf6: x\r\n" + END, 400),
    "white space line": (G + H + b" \r\n" + END, 400),
    "DEL in a value": (G + H + b"A: b\x7fc\r\n" + END, 400),
    "three empty lines before": (b"\r\n\r\n\r\n" + G + H + END, 400),
    "bare LF before": (b"\n" + G + H + END, 400),
    "space before the method": (b" GET / HTTP/1.1\r\n" + H + END, 400),
    # request line
    "HTTP/0.9": (b"GET /\r\n", 400),
    "HTTP/0.9 said": (b"GET / HTTP/0.9\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n" + H + END, 505),
    "HTTP/1.10": (b"GET / HTTP/1.10\r\n" + H + END, 400),
    "HTTP/01.1": (b"GET / HTTP/01.1\r\n" + H + END, 400),
    "HTTP/2.0 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "lower-case http": (b"GET / http/1.1\r\n" + H + END, 400),
    "other protocol": (b"GET / ICAP/1.0\r\n" + H + END, 400),
    "two spaces before target": (b"GET  / HTTP/1.1\r\n" + H + END, 400),
    "two spaces before version": (b"GET /  HTTP/1.1\r\n" + H + END, 400),
    "tab instead of space": (b"GET\t/ HTTP/1.1\r\n" + H + END, 400),
    "space behind version": (b"GET / HTTP/1.1 \r\n" + H + END, 400),
    "space inside target": (b"GET /a b HTTP/1.1\r\n" + H + END, 400),
    "version twice": (b"GET / HTTP/1.1 HTTP/1.1\r\n" + H + END, 400),
    "fragment": (b"GET /#a HTTP/1.1\r\n" + H + END, 400),
    "backslash in path": (b"GET /\\a HTTP/1.1\r\n" + H + END, 400),
    "backslash in query": (b"GET /?\\a HTTP/1.1\r\n" + H + END, 0),
    "high byte in path": (b"GET /\xc3\xa4 HTTP/1.1\r\n" + H + END, 0),
    "high byte in query": (b"GET /?\xff HTTP/1.1\r\n" + H + END, 0),
    "high byte in absolute-form": (b"GET http://a/\xc3\xa4 HTTP/1.1\r\n" + H + END, 0),
    "high byte in an authority": (b"GET http://\xc3\xa4/ HTTP/1.1\r\n" + H + END, 400),
    "high byte in the target of CONNECT": (b"CONNECT \xc3\xa4:1 HTTP/1.1\r\n" + H + END, 400),
    "high byte in a method": (b"G\xc3\xa4T / HTTP/1.1\r\n" + H + END, 400),
    "NUL in target": (b"GET /\x00 HTTP/1.1\r\n" + H + END, 400),
    "asterisk for GET": (b"GET * HTTP/1.1\r\n" + H + END, 400),
    "authority-form for GET": (b"GET a:80 HTTP/1.1\r\n" + H + END, 400),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01", 400),
}  # fmt: skip

R = b"HTTP/1.1 200 OK\r\n"
RESPONSES: dict[str, tuple[bytes, int]] = {
    "CL and TE": (R + CL + TE + END, 400),
    "TE and CL": (R + TE + CL + END, 400),
    "CL twice, equal": (R + CL + CL + END, 400),
    "CL list": (R + b"Content-Length: 5, 5\r\n" + END, 400),
    "TE twice": (R + TE + TE + END, 400),
    "TE gzip": (R + b"Transfer-Encoding: gzip\r\n" + END, 501),
    "TE in HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + TE + END, -1),  # and the connection ends
    "TE and CL in HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + TE + CL + END, 400),
    "neither": (R + END, -2),
    "two Hosts mean nothing here": (R + H + H + END, -2),
    "bare LF": (b"HTTP/1.1 200 OK\n\r\n", 400),
    "split by CR": (R + b"A: b\rSet-Cookie: c\r\n" + END, 400),
    "NUL in reason": (b"HTTP/1.1 200 O\x00K\r\n\r\n", 400),
    "two digits": (b"HTTP/1.1 20 OK\r\n\r\n", 400),
    "four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", 400),
    "600": (b"HTTP/1.1 600 OK\r\n\r\n", 400),
    "099": (b"HTTP/1.1 099 OK\r\n\r\n", 400),
    "sign": (b"HTTP/1.1 +20 OK\r\n\r\n", 400),
    "tab behind status": (b"HTTP/1.1 200\tOK\r\n\r\n", 400),
    "two spaces": (b"HTTP/1.1  200 OK\r\n\r\n", 400),
    "no status": (b"HTTP/1.1\r\n\r\n", 400),
    "ICY": (b"ICY 200 OK\r\n\r\n", 400),
    "HTTP/2": (b"HTTP/2 200 OK\r\n\r\n", 400),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\n\r\n", 505),
    "empty line before": (b"\r\n" + R + END, 400),
    "HTTP/0.9 body": (b"<html>", 400),
}  # fmt: skip


def verdict(parse: object, data: bytes, length: int) -> int | None:
    """The status that refuses `data`, or the length that is taken from it, or None where it is incomplete."""
    try:
        found = parse(data, 8192, 65536)  # type: ignore[operator]
    except HeadError as error:
        return error.status
    if found is None:
        return None
    assert found[0] == len(data)
    return int(found[length])


@pytest.mark.parametrize("name", REQUESTS)
def test_request(heads: ModuleType, name: str) -> None:
    data, expected = REQUESTS[name]
    assert verdict(heads.parse_request, data, 5) == expected


@pytest.mark.parametrize("name", RESPONSES)
def test_response(heads: ModuleType, name: str) -> None:
    data, expected = RESPONSES[name]
    assert verdict(heads.parse_response, data, 4) == expected


@pytest.mark.parametrize("name", [name for name, (_, expected) in REQUESTS.items() if expected >= 400])
def test_refused_for_good_and_as_early_as_can_be(heads: ModuleType, name: str) -> None:
    """The verdict of every beginning is "fine so far", then the error; what follows cannot change it."""
    data, expected = REQUESTS[name]
    said = [verdict(heads.parse_request, data[:n], 5) for n in range(len(data) + 1)]
    first = said.index(expected)
    assert said[:first] == [None] * first
    assert set(said[first:]) == {expected}
    assert verdict(heads.parse_request, data + b"\r\n\r\n", 5) == expected
