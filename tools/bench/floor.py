"""The floor: a server on the same WebSocket library that answers every call with an empty result and keeps nothing."""

import asyncio
import sys

import picows
import uvloop


class Echo(picows.WSListener):
    """Answers `[2,"id",...]` with `[3,"id",{}]`, and a start with a transaction id."""

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        text = frame.get_payload_as_bytes()
        message_id = text[3 : text.index(b",", 3)]
        payload = b'{"transactionId":1}' if b"StartTransaction" in text[:60] else b"{}"
        transport.send(picows.WSMsgType.TEXT, b"[3," + message_id + b"," + payload + b"]")


async def main(port: int) -> None:
    def listener(request: picows.WSUpgradeRequest) -> picows.WSUpgradeResponseWithListener:
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        response = picows.WSUpgradeResponse.create_101_response(extra_headers={"Sec-WebSocket-Protocol": offered})
        return picows.WSUpgradeResponseWithListener(response, Echo())

    server = await picows.ws_create_server(listener, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(int(sys.argv[1])))
