"""Turns HTML into PDF/A-3a and PDF/UA-1 with WeasyPrint, without network or clock.

Importing this loads Pango and its friends.
"""

import hashlib
from datetime import datetime
from typing import Any

import weasyprint
from weasyprint.text.ffi import pango
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from registry.reports.lineage import Fact
from registry.reports.typeface import MONO, SANS, font_bytes

FONT_SCHEME = "vendored:"

# A compressed stream that happens to end in CR looks one byte too long: the CR reads as
# a part of the line end that follows.
ENDS_IN_CR = b"\r\nendstream"

# PDF/A accepts a foreign property only with a description of its schema beside it, in
# the same rdf:RDF (ISO 19005-3, 6.6.2.3).
PDF_UA_1 = b"""\
<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about=""
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part>
</rdf:Description>
<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about=""
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>The part of ISO 14289 that the file meets</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
</rdf:RDF>"""


class FontFetcher(URLFetcher):  # type: ignore[misc] # WeasyPrint ships no types
    """Serves `vendored:<file name>`; any other address stops the rendering."""

    def fetch(self, url: str, _headers: object = None) -> Any:
        if not url.startswith(FONT_SCHEME):
            raise FatalURLFetchingError(f"A report fetches nothing: {url}")
        body = font_bytes(url.removeprefix(FONT_SCHEME))
        return URLFetcherResponse(url, body, {"Content-Type": "font/woff2"})


def typeset(
    html: str, *, attachment: bytes, attachment_name: str, at: datetime
) -> bytes:
    """Return the PDF; equal arguments give equal bytes, `at` is its date."""
    fetcher = FontFetcher(allowed_protocols=(), fail_on_errors=True)
    document = weasyprint.HTML(string=html, url_fetcher=fetcher)
    pdf: bytes = document.write_pdf(
        pdf_variant="pdf/a-3a",
        pdf_identifier=hashlib.sha256(attachment).hexdigest()[:32].encode(),
        attachments=[
            weasyprint.Attachment(
                string=attachment,
                name=attachment_name,
                description="The content of this report as canonical JSON (RFC 8785)",
                created=at,
                modified=at,
                relationship="Data",
            )
        ],
        finisher=_finish,
    )
    return pdf


def versions() -> tuple[Fact, ...]:
    """Name what the bytes of a PDF depend on besides its content."""
    encoded = pango.pango_version()
    numbers = f"{encoded // 10000}.{encoded // 100 % 100}.{encoded % 100}"
    return (
        Fact(name="WeasyPrint", value=weasyprint.__version__),
        Fact(name="Pango", value=numbers),
        Fact(name="Fonts", value=f"{SANS[0]}, {MONO[0]} and their subsets"),
    )


def _finish(_document: object, pdf: Any) -> None:
    """Declare PDF/UA-1 in the metadata, and make validators happy with every stream."""
    for item in pdf.objects:
        if getattr(item, "extra", {}).get("Type") == "/Metadata":
            item.compress = False  # some readers look for the XMP in the raw file
            item.stream = [
                part.replace(b"</rdf:RDF>", PDF_UA_1, 1) for part in item.stream
            ]
        elif getattr(item, "compress", False) and item.data.endswith(ENDS_IN_CR):
            item.compress = False
