/* What can be wrong with a head, and the answers to it. Part of the compiled head parser; see _head.c. */
#ifndef NODEROUTER_ERRORS_H
#define NODEROUTER_ERRORS_H

/* How a scan ends: right, right so far but the bytes ran out, or wrong. Statuses and texts are those of the twin. */
#define ERRORS(X) \
    X(E_LF, 400, "a line ends in LF without CR") \
    X(E_CR, 400, "CR without LF") \
    X(E_METHOD, 400, "the method is not a token and one space") \
    X(E_TARGET, 400, "the target is empty or has a byte that is not allowed") \
    X(E_VERSION, 400, "the version is not HTTP/1.0 or HTTP/1.1") \
    X(E_OTHER_VERSION, 505, "a version other than HTTP/1.0 and HTTP/1.1") \
    X(E_LONG_REQUEST, 414, "the request line is too long") \
    X(E_LONG_STATUS, 431, "the status line is too long") \
    X(E_LONG_HEAD, 431, "the head is too large") \
    X(E_CONNECT, 400, "the target of CONNECT is not host:port") \
    X(E_ASTERISK, 400, "the target * is for OPTIONS only") \
    X(E_FORM, 400, "the target is neither a path nor an http or https URI") \
    X(E_AUTHORITY, 400, "the authority of the target is not host[:port]") \
    X(E_STATUS, 400, "the status is not three digits from 100 to 599") \
    X(E_ANY_STATUS, 400, "the status is not three digits from 100 to 999") \
    X(E_REASON, 400, "a control byte in the reason phrase") \
    X(E_FIELDS, 431, "more than 512 fields") \
    X(E_FOLD, 400, "a field line begins with white space (obsolete folding)") \
    X(E_SPACE, 400, "white space between a field name and its colon") \
    X(E_NAME, 400, "a field name is not a token") \
    X(E_VALUE, 400, "a control byte in a field value") \
    X(E_HOSTS, 400, "more than one Host") \
    X(E_HOST, 400, "Host is not host[:port]") \
    X(E_NO_HOST, 400, "no Host in an HTTP/1.1 request") \
    X(E_LENGTHS, 400, "more than one Content-Length") \
    X(E_BOTH, 400, "both Content-Length and Transfer-Encoding") \
    X(E_LENGTH, 400, "Content-Length is not a number, or has too many digits") \
    X(E_CODING_10, 400, "Transfer-Encoding in HTTP/1.0") \
    X(E_CODINGS, 400, "more than one Transfer-Encoding") \
    X(E_CODING, 400, "Transfer-Encoding is not a list of codings without parameters") \
    X(E_CHUNKED, 400, "chunked is repeated or not the last transfer coding") \
    X(E_UNKNOWN, 501, "a transfer coding other than chunked") \
    X(E_TOKENS, 400, "Connection is not a list of tokens") \
    X(E_END_TO_END, 400, "Connection names an end-to-end field") \
    X(E_OPTIONS, 400, "Connection names more than 32 fields") \
    X(E_CONNECT_BODY, 400, "CONNECT with a body")

#define NAME(name, status, reason) name,
#define ANSWER(name, status, reason) [name] = {status, reason},
enum error { OK, MORE, ERRORS(NAME) };
static const struct { int status; const char *reason; } ANSWERS[] = {ERRORS(ANSWER)};
#undef NAME
#undef ANSWER
#endif
