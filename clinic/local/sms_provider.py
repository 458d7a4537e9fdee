"""A local SMS provider that speaks Twilio's HTTP API: `python -m clinic.local.sms_provider`.

Beside the provider's own paths: GET /inbox (what phones received), POST /control/faults, POST /control/clear,
POST /control/opt-out, POST /control/inbound (a patient's reply, signed and posted to the given address).

A fault is `{"times": 1, "to": null, ...}` with one of
    {"status": 500, "code": 20500, "message": "...", "retry_after": 1, "accept": false|true} an error answer
    {"drop": true, "accept": true|false}                        the connection closes, no answer
    {"seconds": 30, "accept": true|false}                                 the answer comes late
    {"statuses": ["sent", "undelivered"], "error_code": 30003, "times_told": 2} accepted, then reported so
"""

import argparse
import base64
import logging
import os
import re
import secrets
import socket
import time
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import phonenumbers

from clinic.local.faults import Faults
from clinic.local.httpd import Reply, Request, as_json, server
from clinic.local.sms_callbacks import Report, Reporter, post
from clinic.local.sms_store import API, Store

LONGEST_BODY = 1600
STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START_WORDS = {"START", "UNSTOP", "YES"}
# The provider's own magic numbers for tests.
MAGIC_TO = {
    "+15005550001": (21211, "The 'To' number {to} is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number: {to}, is not currently reachable via SMS."),
    "+15005550003": (
        21408,
        "Permission to send an SMS has not been enabled for the region indicated by {to}.",
    ),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number: {to}"),
}
MAGIC_FROM = {
    "+15005550001": (21212, "The 'From' number {sender} is not a valid phone number."),
    "+15005550007": (21606, "The 'From' phone number {sender} is not a valid message-capable number."),
    "+15005550008": (21611, "This 'From' number has exceeded the maximum number of queued messages"),
}


class ProviderError(Exception):
    """An error answer in the provider's own shape."""

    def __init__(self, *, status: int, code: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def reply(self) -> Reply:
        link = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": str(self), "more_info": link, "status": self.status}
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        return as_json(body, status=self.status, headers=headers)


class Provider:
    def __init__(self, *, store: Store, token: str) -> None:
        self.store = store
        self.token = token
        self.faults = Faults()
        self.reporter = Reporter(store=store, token=token)

    def answer(self, request: Request) -> Reply | None:
        """One request; None to close the connection without an answer."""
        try:
            if request.path == "/inbox":
                return as_json(self._inbox(request))
            if request.path.startswith("/control/"):
                return self._control(request)
            return self._api(request)
        except ProviderError as error:
            return error.reply()

    def _api(self, request: Request) -> Reply | None:
        self._authenticate(request)
        base = re.escape(f"/{API}/Accounts/{self.store.account}/Messages")
        found = re.fullmatch(rf"{base}(?:/(SM[0-9a-f]{{32}}))?\.json", request.path)
        if found is None:
            raise not_found(request.path)
        sid = found[1]
        if sid is None:
            return self._send(request) if request.method == "POST" else self._list(request)
        message = self.store.find(sid)
        if message is None:
            raise not_found(request.path)
        if request.method == "DELETE":
            self.store.delete(sid=sid)
            return Reply(status=204)
        return as_json(message)

    def _authenticate(self, request: Request) -> None:
        expected = base64.b64encode(f"{self.store.account}:{self.token}".encode()).decode()
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic" or not secrets.compare_digest(given.strip().encode(), expected.encode()):
            raise ProviderError(status=401, code=20003, message="Authenticate")

    def _send(self, request: Request) -> Reply | None:
        form = request.form()
        fault = self.faults.take(to=plain_number(form.get("To", "")))
        if "status" in fault:
            if fault.get("accept"):
                self._accept(form, fault)
            raise ProviderError(
                status=fault["status"],
                code=fault.get("code", 20429 if fault["status"] == 429 else 20500),
                message=fault.get(
                    "message", "Too Many Requests" if fault["status"] == 429 else "Internal Server Error"
                ),
                retry_after=fault.get("retry_after"),
            )
        if fault.get("accept") is False:
            time.sleep(fault.get("seconds", 0))
            return None
        message = self._accept(form, fault)
        time.sleep(fault.get("seconds", 0))
        return None if fault.get("drop") else as_json(message, status=201)

    def _accept(self, form: dict[str, str], fault: dict[str, Any]) -> dict[str, Any]:
        to = self._checked(form)
        message = self.store.create(form=form, to=to)
        self.reporter.promise(
            Report(
                sid=message["sid"],
                statuses=tuple(fault.get("statuses", ("sent", "delivered"))) * fault.get("times_told", 1),
                error_code=fault.get("error_code"),
                callback=form.get("StatusCallback") or None,
            )
        )
        return message

    def _checked(self, form: dict[str, str]) -> str:
        """The recipient in E.164, or the error the real provider answers."""
        given, sender, text = form.get("To", ""), form.get("From", ""), form.get("Body", "")
        if not given:
            raise bad(21604, "A 'To' phone number is required.")
        if not sender and not form.get("MessagingServiceSid"):
            raise bad(21603, "A 'From' phone number is required.")
        if not text.strip():
            raise bad(21602, "Message body is required.")
        if len(text) > LONGEST_BODY:
            raise bad(21617, "The concatenated message body exceeds the 1600 character limit")
        to = plain_number(given)
        for number, table in ((to, MAGIC_TO), (sender, MAGIC_FROM)):
            if number in table:
                code, message = table[number]
                raise bad(code, message.format(to=given, sender=sender))
        if not is_possible(to):
            raise bad(21211, f"Invalid 'To' Phone Number: {given}")
        if sender and not is_possible(sender):
            raise bad(21212, f"Invalid 'From' Number: {sender}")
        callback = form.get("StatusCallback")
        if callback and (
            urlsplit(callback).scheme not in ("http", "https") or not urlsplit(callback).hostname
        ):
            raise bad(21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
        if to in self.store.opted_out:
            raise bad(21610, "Attempt to send to unsubscribed recipient")
        return to

    def _list(self, request: Request) -> Reply:
        found = [message for message in self.store.newest_first() if matches(message, request.query)]
        size = max(1, min(int(request.query.get("PageSize") or 50), 1000))
        page = int(request.query.get("Page") or 0)
        start = page * size
        shown = found[start : start + size]

        def address(number: int) -> str:
            return f"{request.path}?{urlencode({**request.query, 'PageSize': size, 'Page': number})}"

        return as_json(
            {
                "messages": shown,
                "page": page,
                "page_size": size,
                "start": start,
                "end": max(start, start + len(shown) - 1),
                "uri": address(page),
                "first_page_uri": address(0),
                "previous_page_uri": address(page - 1) if page else None,
                "next_page_uri": address(page + 1) if len(found) > start + size else None,
            }
        )

    def _inbox(self, request: Request) -> list[dict[str, Any]]:
        to = request.query.get("to")
        return [entry for entry in self.store.inbox() if to in (None, entry["to"])]

    def _control(self, request: Request) -> Reply:
        match request.method, request.path:
            case "POST", "/control/faults":
                self.faults.add(request.json())
            case "POST", "/control/clear":
                self.faults.clear()
                self.store.clear()
            case "POST", "/control/opt-out":
                self.store.opt(number=request.json()["number"], out=True)
            case "POST", "/control/inbound":
                return self._inbound(request.json())
            case _:
                raise not_found(request.path)
        return as_json({"done": True})

    def _inbound(self, reply: dict[str, Any]) -> Reply:
        """A text from a phone: the provider keeps its own opt-outs first, then tells the application."""
        word = re.sub(r"[^A-Z]", "", reply["body"].upper())
        if word in STOP_WORDS | START_WORDS:
            self.store.opt(number=reply["from"], out=word in STOP_WORDS)
        sid = reply.get("sid") or "SM" + secrets.token_hex(16)
        fields = {
            "AccountSid": self.store.account,
            "ApiVersion": API,
            "Body": reply["body"],
            "From": reply["from"],
            "MessageSid": sid,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "SmsStatus": "received",
            "To": reply["to"],
        }
        if word in STOP_WORDS:
            fields["OptOutType"] = "STOP"
        status, text = post(token=self.token, url=reply["url"], fields=fields)
        return as_json({"sid": sid, "status": status, "body": text})


def bad(code: int, message: str) -> ProviderError:
    return ProviderError(status=400, code=code, message=message)


def not_found(path: str) -> ProviderError:
    return ProviderError(status=404, code=20404, message=f"The requested resource {path} was not found")


def plain_number(text: str) -> str:
    return re.sub(r"[\s().-]", "", text)


def is_possible(number: str) -> bool:
    """Whether the text is an E.164 number of a length its country uses."""
    if re.fullmatch(r"\+[1-9]\d{6,14}", number) is None:
        return False
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        return False


def matches(message: dict[str, Any], query: Any) -> bool:
    """The list's filters: To, From, DateSent (a UTC day), DateSent< and DateSent> (inclusive)."""
    if query.get("To") not in (None, "", message["to"]) or query.get("From") not in (
        None,
        "",
        message["from"],
    ):
        return False
    sent = parsedate_to_datetime(message["date_sent"] or message["date_created"])
    if query.get("DateSent") and sent.date() != date.fromisoformat(query["DateSent"][:10]):
        return False
    before, after = query.get("DateSent<"), query.get("DateSent>")
    return not (before and sent > instant(before)) and not (after and sent < instant(after))


def instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description="The local SMS provider.")
    parser.add_argument("--fd", type=int, required=True, help="a socket that is bound")
    parser.add_argument("--ledger", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    store = Store(account=os.environ["TWILIO_ACCOUNT_SID"], ledger=options.ledger)
    provider = Provider(store=store, token=os.environ["TWILIO_AUTH_TOKEN"])
    server(listener=socket.socket(fileno=options.fd), answer=provider.answer).serve_forever()


if __name__ == "__main__":
    main()
