"""The counters that `/metrics` shows. Every refused or lost thing is counted in one of these.

Names follow Prometheus's conventions: base units, `_total` on counters.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry(auto_describe=True)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


CAMERA_ERRORS = _counter("sightline_camera_errors_total", "Attempts that ended, by fault", "camera", "fault")
CAMERA_PACKETS = _counter("sightline_camera_packets_total", "RTP packets received", "camera", "kind")
CAMERA_BYTES = _counter("sightline_camera_bytes_total", "RTP payload bytes received", "camera", "kind")
CAMERA_LOST = _counter("sightline_camera_packets_lost_total", "RTP packets that never came", "camera", "kind")
CAMERA_UNITS = _counter("sightline_camera_units_total", "Access units published", "camera", "kind")
BAD_INPUT = _counter("sightline_bad_input_total", "Input dropped as unusable, by what it was", "camera", "what")
FIXES = _counter("sightline_fixes_total", "Fixes accepted, by carrier", "camera", "carrier")
FIXES_REFUSED = _counter("sightline_fixes_refused_total", "Fixes refused, by rule", "camera", "rule")
POSITION_ERRORS = _counter("sightline_position_errors_total", "Position sources that ended", "camera", "fault")
POSITION_SENTENCES = _counter("sightline_position_sentences_total", "NMEA 0183 sentences read", "camera")
POSITION_DATAGRAMS_REFUSED = _counter(
    "sightline_position_datagrams_refused_total", "Datagrams with positions not read, by why", "listen", "why"
)
COT_EVENTS = _counter("sightline_cot_events_total", "Cursor on Target events sent", "url")
COT_ERRORS = _counter("sightline_cot_errors_total", "Failures to send Cursor on Target events", "url")
RECORDED_BYTES = _counter("sightline_recorded_bytes_total", "Bytes written to Segments", "camera")
RECORDER_ERRORS = _counter("sightline_recorder_errors_total", "Writes that failed", "camera")
RECORDED_UNITS = _counter("sightline_recorded_units_total", "Access units written to Segments", "camera", "kind")
ANCHORS = _counter("sightline_anchors_total", "Anchors of the ledgers, by where they went", "place", "outcome")
ANCHORED = Gauge(
    "sightline_anchored_timestamp_seconds",
    "Until when everything written is anchored outside, in seconds since 1970",
    registry=REGISTRY,
)
LEDGER_CUT = _counter("sightline_ledger_cut_bytes_total", "Bytes of rows cut off that were never finished", "camera")
DISK_FREE = Gauge("sightline_disk_free_bytes", "Free on the disk of the recordings", registry=REGISTRY)
DISK_TOTAL = Gauge("sightline_disk_total_bytes", "Size of the disk of the recordings", registry=REGISTRY)
DISK_LEVEL = Gauge("sightline_disk_level", "1: how full that disk is counted as", ["level"], registry=REGISTRY)
DELETED_SEGMENTS = _counter("sightline_deleted_segments_total", "Segments that retention deleted", "camera")
DELETED_BYTES = _counter("sightline_deleted_bytes_total", "Bytes that retention deleted", "camera")
RETENTION_ERRORS = _counter("sightline_retention_errors_total", "Deletions that disk or database refused")
READER_MOVED = _counter("sightline_reader_moved_total", "Slow readers moved on", "camera", "reader")
VIEWERS = Gauge("sightline_viewers", "Open WHEP sessions", ["camera"], registry=REGISTRY)
RTSP_READERS = Gauge("sightline_rtsp_readers", "NVRs that read a camera live", ["camera"], registry=REGISTRY)
RTSP_CONNECTIONS = Gauge("sightline_rtsp_connections", "Open RTSP connections", registry=REGISTRY)
RTSP = _counter("sightline_rtsp_total", "What happened at the RTSP server, by what it was", "what")
ONVIF_REQUESTS = _counter("sightline_onvif_requests_total", "SOAP requests to the ONVIF devices", "outcome")
ONVIF_SUBSCRIPTIONS = _counter("sightline_onvif_subscriptions_total", "Subscriptions to events, by fate", "fate")
VIEWER_PACKETS = _counter("sightline_viewer_packets_total", "RTP packets sent to viewers", "camera")
VIEWER_ROUTES = Gauge(
    "sightline_viewer_routes",
    "Addresses and connections that viewers were heard from",
    ["transport"],
    registry=REGISTRY,
)
VIEWER_PASSED_OVER = _counter("sightline_viewer_passed_over_total", "Packets not sent to who reads too slowly by TCP")
ICE_RESTARTS = _counter("sightline_ice_restarts_total", "Viewers that changed networks and kept their session")
FRAMES_CUT = _counter("sightline_viewer_frames_cut_total", "Frames a viewer did not get whole: the socket was full")
KERNEL_COMPILED = Gauge(
    "sightline_send_kernel_compiled", "1: the compiled kernel sends to viewers, 0: its Python twin", registry=REGISTRY
)
QUALITY_CHANGES = _counter("sightline_quality_changes_total", "Viewers moved to another stream", "camera", "to")
KEYFRAMES_WANTED = _counter("sightline_viewer_keyframes_wanted_total", "PLI and FIR of viewers", "camera", "answer")
PACKETS_WANTED = _counter("sightline_viewer_packets_wanted_total", "Packets viewers asked for again", "camera")
WORKER_DEATHS = _counter("sightline_worker_deaths_total", "Worker processes that died", "camera", "work")
TRANSCODED = _counter("sightline_transcoded_units_total", "Pictures and sounds coded anew", "camera", "work")
TRANSCODES = Gauge("sightline_transcodes", "Transcodes of video that run now", registry=REGISTRY)
TRANSCODES_REFUSED = _counter("sightline_transcodes_refused_total", "Transcodes that found no place", "camera", "work")
TALKS = Gauge("sightline_talks", "Talks to cameras under way", registry=REGISTRY)
TALK_PACKETS = _counter("sightline_talk_packets_total", "RTP packets made for a camera's loudspeaker", "camera")
TALK_DROPPED = _counter("sightline_talk_dropped_total", "RTP packets of speakers not passed on", "camera", "why")
TALKS_REFUSED = _counter("sightline_talks_refused_total", "Talks that did not come about, by why", "camera", "why")
SETTINGS_READ = _counter("sightline_settings_read_total", "Times the settings were read again", "outcome")
SETTINGS_PENDING = Gauge(
    "sightline_settings_pending", "Settings that changed and wait for the next start", registry=REGISTRY
)
REFUSALS = _counter("sightline_refusals_total", "Requests refused, by why", "why")
EXPORTS = _counter("sightline_exports_total", "Exports that are over", "kind", "status")
RIGHTS_ENDED = _counter("sightline_rights_ended_total", "Sessions ended because a right went away", "right")
ALERTS_OPEN = Gauge("sightline_alerts_open", "Alerts that nobody has resolved", ["grade"], registry=REGISTRY)
ALERTS_RAISED = _counter("sightline_alerts_raised_total", "Alerts raised, each once until it is resolved", "kind")
ALERTS_DROPPED = _counter("sightline_alerts_dropped_total", "Alerts lost: too many waited for the database", "kind")
DELIVERIES = _counter("sightline_deliveries_total", "Messages about alerts, by their fate", "channel", "outcome")
GEOFENCE_CROSSINGS = _counter("sightline_geofence_crossings_total", "Units that crossed a geofence", "direction")
GEOFENCE_DROPPED = _counter("sightline_geofence_crossings_dropped_total", "Crossings lost: too many waited")
VIEWER_LOSS = Histogram(
    "sightline_viewer_loss_ratio",
    "Share of packets lost on the way to a viewer, by receiver report",
    registry=REGISTRY,
    buckets=(0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0),
)
VIEWER_ROUND_TRIP = Histogram(
    "sightline_viewer_round_trip_seconds",
    "Round trip to a viewer, by receiver report",
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
VIEWER_JITTER = Histogram(
    "sightline_viewer_jitter_seconds",
    "Jitter of the video at a viewer, by receiver report",
    registry=REGISTRY,
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
)
LOOP_LAG = Histogram(
    "sightline_loop_lag_seconds",
    "How late the event loop runs what is due",
    registry=REGISTRY,
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
)
