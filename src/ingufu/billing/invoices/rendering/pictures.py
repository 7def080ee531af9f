"""Pictures on documents: codes to scan, and the seller's logo, both as SVG."""

import base64
import io
import struct

import segno

LOGO_PIXELS_MAX = 4000


def qr(text: str) -> str:
    """Return the text as a QR code of level M: dark squares on white, with the quiet zone that scanners want."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=2, xmldecl=False, svgclass=None, lineclass=None, light="#fff", omitsize=True
    )
    return out.getvalue().decode()


def logo(media_type: str, content: str) -> str:
    """Return a logo (base64) as SVG: one that is a PNG is put into one."""
    raw = base64.b64decode(content)
    if media_type == "image/svg+xml":
        return raw.decode("utf-8", "replace")
    width, height = struct.unpack(">II", raw[16:24]) if len(raw) > 24 else (1, 1)
    width, height = (max(1, min(side, LOGO_PIXELS_MAX)) for side in (width, height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{content}"/></svg>'
    )
