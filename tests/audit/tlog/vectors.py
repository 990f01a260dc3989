"""Published values, and those of a small deterministic log with one witness."""

from base64 import b64decode
from dataclasses import dataclass

from audit.tlog.keys import PrivateKey, SignatureType

# From testonly/constants.go of transparency-dev/merkle.
CLASSIC_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CLASSIC_ROOTS = [
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]


@dataclass(frozen=True)
class Inclusion:
    index: int
    size: int
    leaf: bytes
    proof: tuple[bytes, ...]
    root: bytes


@dataclass(frozen=True)
class Consistency:
    old_size: int
    new_size: int
    old_root: bytes
    new_root: bytes
    proof: tuple[bytes, ...]


def _inclusion(index: int, size: int, leaf: str, proof: list[str], root: str):
    hashes = tuple(map(b64decode, proof))
    return Inclusion(index, size, b64decode(leaf), hashes, b64decode(root))


def _consistency(old: int, new: int, old_root: str, new_root: str, proof: list[str]):
    hashes = tuple(map(b64decode, proof))
    return Consistency(old, new, b64decode(old_root), b64decode(new_root), hashes)


# The happy paths of transparency-dev/merkle, testdata/inclusion, probes 0 to 4.
INCLUSIONS = [
    _inclusion(
        0,
        1,
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
        [],
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
    ),
    _inclusion(
        0,
        8,
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
        [
            "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
            "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
            "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
        ],
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
    ),
    _inclusion(
        5,
        8,
        "QnGia+DYqE8L1UyMMC58s6O10fpngKQLzOKHNHfatlg=",
        [
            "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
            "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
            "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
        ],
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
    ),
    _inclusion(
        2,
        3,
        "ApjRIpBtz8EIkstTpzmS/FufST6kybrbJ7eRtBJ6f+c=",
        ["+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU="],
        "rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=",
    ),
    _inclusion(
        1,
        5,
        "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
        [
            "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
            "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
            "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
        ],
        "Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=",
    ),
]

# The happy paths of transparency-dev/merkle, testdata/consistency, probes 1 to 4.
CONSISTENCIES = [
    _consistency(
        1,
        8,
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
        [
            "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
            "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
            "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
        ],
    ),
    _consistency(
        6,
        8,
        "duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
        [
            "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
            "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
            "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
        ],
    ),
    _consistency(
        2,
        5,
        "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
        "Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=",
        [
            "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
            "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
        ],
    ),
    _consistency(
        6,
        7,
        "duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=",
        "3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=",
        [
            "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
            "sIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8=",
            "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
        ],
    ),
]

# A log of three entries, made once and accepted by an independent checker.
ORIGIN = "example.org/attestry-vector"
LOG = PrivateKey(ORIGIN, bytes(range(0x20)))
WITNESS = PrivateKey(
    "example.org/attestry-witness",
    bytes(range(0x20, 0x40)),
    SignatureType.COSIGNATURE_V1,
)
LOG_VKEY = (
    "example.org/attestry-vector+968c0a41+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
)
WITNESS_VKEY = (
    "example.org/attestry-witness+8bf314d3+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
)
ENTRIES = [b"", b"a", b'{"kind":"gate.verdict","v":1}']
BUNDLE = bytes.fromhex(
    "0000000161001d7b226b696e64223a22676174652e76657264696374222c2276223a317d"
)
TILE_SHA256 = "c34e4e4f34c039cae288f13c0e88e7c87b4b7740f09a81bcdb32393bf004143a"
ROOT_AT_2 = b64decode("aI3GJEsEEZnnq0mQ32NAzj3BTKpc1aDhExrdqhIJ4aY=")
ROOT_AT_3 = b64decode("nESK2ffeuMl/fj0ZuM7oYZPs9dUZI3yEEoyGpzjEMZc=")
INCLUSION_OF_1_IN_3 = (
    b64decode("bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="),
    b64decode("Z59vOOmqx2GRSQbX4/v6cJVMzv+0YZV34NMO65VrvLs="),
)
CONSISTENCY_2_TO_3 = (b64decode("Z59vOOmqx2GRSQbX4/v6cJVMzv+0YZV34NMO65VrvLs="),)
COSIGNATURE_TIME = 1700000000
TEXT_AT_3 = f"""\
{ORIGIN}
3
nESK2ffeuMl/fj0ZuM7oYZPs9dUZI3yEEoyGpzjEMZc=
"""
SIGNATURE_LINE = (
    "\N{EM DASH} example.org/attestry-vector"
    " lowKQRoOjLhQqqynnlBnY641ipAVG09BRgD2tvUnugNq9QhFAPZLuU0/B1uopSqQCLVckRlNxM8pi2W/40ChkTpPbw8=\n"
)
COSIGNATURE_LINE = (
    "\N{EM DASH} example.org/attestry-witness"
    " i/MU0wAAAABlU/EAm26SGmSdipKTMQ0Ww9/MBQZ5hxrKkvfsiajDJbmUrDPkT9ysEV45sXDuLMvthT+R3ZbOPEWuDi82C3nYQH80Dg==\n"
)
CHECKPOINT_AT_3 = f"{TEXT_AT_3}\n{SIGNATURE_LINE}".encode()
COSIGNED_AT_3 = f"{TEXT_AT_3}\n{SIGNATURE_LINE}{COSIGNATURE_LINE}".encode()
