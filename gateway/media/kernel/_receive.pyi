"""See `twin`, which says what these do."""

from gateway.media.kernel.twin import Picture

def split_frames(data: bytes, start: int, /) -> tuple[int, list[bytes], int]: ...
def pictures(
    packets: list[bytes], payload_type: int, ssrc: int, sequence: int, timestamp: int, /
) -> tuple[list[Picture], int, bool]: ...
