"""A fiscal device over real HTTP on loopback, as strict as the authority's: order, duplicates, sums, one refund each.

It can be told to be out (`is_out`), to sign and then lose the answer (`loses`), to answer nonsense (`says`), and to
take its time, in which something else is done (`meanwhile`).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

CENT = Decimal("0.01")


class FakeEbm:
    """The sales it has signed are in `sales`, by number."""

    def __init__(self, *, last: int = 0, key: str = "") -> None:
        self.sales: dict[int, dict[str, Any]] = {}
        self.last = last
        self.key = key
        self.is_out = False
        self.loses = 0
        self.says: bytes | None = None
        self.code: str | None = None  # that it answers to every sale
        self.meanwhile: Callable[[], Awaitable[object]] | None = None  # once, before the next answer
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.signed = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = int(
                next(line for line in head.split("\r\n") if line.lower().startswith("content-length")).split(":")[1]
            )
            body = json.loads(await reader.readexactly(size), parse_float=Decimal, parse_int=int)
            path = head.split(" ")[1]
            self.asked.append((path, body))
            answer = (
                self.says if self.says is not None else json.dumps(self._answer(path, body), default=float).encode()
            )
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                await meanwhile()
            if "ales" in path and "select" not in path and self.loses:
                self.loses -= 1
                writer.transport.abort()
                return
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                + answer
            )
            await writer.drain()
        finally:
            writer.close()

    def _answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if "nit" in path and "elect" in path and "Init" in path:
            info = {"sdcId": "SDC010000001", "mrcNo": "WIS01006230", "taxprNm": "Ingufu", "lastSaleInvcNo": self.last}
            return _said("000", {"info": info | ({"cmcKey": self.key} if self.key else {})})
        if self.key and body.get("cmcKey") != self.key:
            return _said("899")
        if "selectSale" in path:
            kept = self.sales.get(body["invcNo"])
            return _said("001") if kept is None else _said("000", kept["data"] | {"totAmt": kept["totAmt"]})
        return self._sell(body)

    def _sell(self, body: dict[str, Any]) -> dict[str, Any]:
        number = body["invcNo"]
        if self.is_out:
            return _said("894")
        if self.code is not None:
            return _said(self.code)
        if number <= self.last:
            return _said("994")
        if number > self.last + 1:
            return _said("921")
        wrong = self._wrong(body)
        if wrong:
            return _said("910", None, wrong)
        self.last = number
        data = {
            "rcptNo": number, "totRcptNo": number, "intrlData": "VTE6JDBTWRE2NYB3Z7QNFIRDLE",
            "rcptSign": f"V249J39CFPT4{number:04d}", "sdcId": "SDC010000001", "mrcNo": "WIS01006230",
            "vsdcRcptPbctDate": "20260301140000",
        }  # fmt: skip
        self.sales[number] = body | {"data": data}
        self.signed.set()
        return _said("000", data)

    def _wrong(self, body: dict[str, Any]) -> str:
        for label in "ABCD":
            gross = sum((Decimal(one["totAmt"]) for one in body["itemList"] if one["taxTyCd"] == label), Decimal(0))
            rate = Decimal(body[f"taxRt{label}"])
            tax = (gross * rate / (100 + rate)).quantize(CENT, ROUND_HALF_UP)
            if (Decimal(body[f"taxblAmt{label}"]), Decimal(body[f"taxAmt{label}"])) != (gross, tax):
                return f"amounts of {label}"
        if Decimal(body["totAmt"]) != sum(Decimal(one["totAmt"]) for one in body["itemList"]):
            return "total"
        if any(Decimal(one["totAmt"]) < 0 for one in body["itemList"]):
            return "negative"
        if body["rcptTyCd"] == "R":
            original = self.sales.get(body["orgInvcNo"])
            if original is None or original["rcptTyCd"] != "S":
                return "no original"
            if any(sale["rcptTyCd"] == "R" and sale["orgInvcNo"] == body["orgInvcNo"] for sale in self.sales.values()):
                return "refunded before"
        if body["custTin"] and not body["prcOrdCd"]:
            return "purchase code"
        return ""


def _said(code: str, data: dict[str, Any] | None = None, message: str = "") -> dict[str, Any]:
    return {"resultCd": code, "resultMsg": message, "resultDt": "20260301140000", "data": data}
