"""Has httplint judge exchanges: JSON in, a list of {"request", "response" (both base64), "at" (Unix
seconds)}, and JSON out, for each of them a list of {"level", "summary"}."""

import base64
import json
import sys

from httplint import HttpRequestLinter, HttpResponseLinter


def parse(message):
    head, _, body = message.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    fields = [tuple(part.strip() for part in field.split(b":", 1)) for field in fields]
    return first.split(b" ", 2), fields, body


def feed(linter, fields, body):
    linter.process_headers(fields)
    linter.feed_content(body)
    linter.finish_content(True)


def judge(exchange):
    (method, target, version), fields, body = parse(base64.b64decode(exchange["request"]))
    request = HttpRequestLinter(start_time=exchange["at"])
    request.process_request_topline(method, target, version.removeprefix(b"HTTP/"))
    feed(request, fields, body)

    (version, status, phrase), fields, body = parse(base64.b64decode(exchange["response"]))
    response = HttpResponseLinter(start_time=exchange["at"])
    response.request = request
    response.is_head_response = method == b"HEAD"
    response.process_response_topline(version.removeprefix(b"HTTP/"), status, phrase)
    feed(response, fields, body)
    return [{"level": note.level.name, "summary": str(note.summary)} for note in response.notes]


json.dump([judge(exchange) for exchange in json.load(sys.stdin)], sys.stdout)
