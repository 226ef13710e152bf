"""What to do about what is wrong with a camera: the one table of it, for page, API and command line.

The reason itself (a CameraError's) says what happened; this says what somebody does next.
"""

from __future__ import annotations

from gateway.base.errors import Fault

ADVICE: dict[Fault, str] = {
    Fault.UNREACHABLE: "Look whether the camera is switched on and on the network, whether address and port are right, "
    "and whether a firewall is in between.",
    Fault.TIMEOUT: "Look whether the camera is on the network, and whether a firewall drops what the gateway sends. "
    "One that is only slow is reached at the next attempt.",
    Fault.AUTHENTICATION: "Enter the user name and password of an account of the camera itself. Many cameras lock out "
    "for some minutes who tries a wrong one several times, and some have accounts of their own for ONVIF.",
    Fault.NOT_RTSP: "What answers there is no camera's stream. RTSP is mostly on port 554; the camera's manual says "
    "which address its stream has.",
    Fault.REFUSED: "Compare the path of the address with the camera's manual, and look whether the camera serves as "
    "many viewers as it can already.",
    Fault.BAD_SDP: "Restart the camera and update its firmware. If that does not help, its maker has to mend it.",
    Fault.NO_VIDEO: "Set the camera's encoder to H.264 (or H.265): the gateway records and shows nothing else.",
    Fault.BAD_STREAM: "Restart the camera and update its firmware; a lower bit rate or TCP as transport may help.",
    Fault.TLS: "Install a certificate that the gateway trusts, or do without checking it (tls_verify) on a network "
    "that can be trusted.",
    Fault.ENDED: "The gateway connects again by itself. If it happens often: look at the camera's network and power, "
    "and whether it serves too many viewers.",
    Fault.STALLED: "Look at the camera's encoder and its network; it is connected to again by itself.",
    Fault.NO_KEYFRAME: "Set a shorter keyframe interval (also called GOP length or I-frame interval) on the camera: "
    "two seconds are usual.",
    Fault.BAD_METADATA: "Update the camera's firmware. Picture and recording are not touched by it.",
    Fault.ONVIF: "Switch ONVIF on in the camera, and compare address and port with its manual; or add it by the "
    "address of its stream (rtsp://…).",
    Fault.SETTINGS: "Correct the settings of this camera.",
}
"""By what went wrong."""
