"""Reads an ONVIF device with onvif-python and prints what it says as JSON: HOST PORT USER PASSWORD."""

import json
import sys

from onvif import ONVIFClient

host, port, user, password = sys.argv[1:]
client = ONVIFClient(host, int(port), user, password)
device, media, media2 = client.devicemgmt(), client.media(), client.media2()
profiles = media2.GetProfiles(Type=["All"])
token = profiles[0].token
made = media2.CreateProfile(Name="Mine", Configuration=[{"Type": "VideoSource", "Token": token}])
media2.AddConfiguration(ProfileToken=made, Configuration=[{"Type": "VideoEncoder"}])
added = media2.GetProfiles(Token=made, Type=["VideoEncoder"])
media2.DeleteProfile(Token=made)
said = {
    "serial": device.GetDeviceInformation().SerialNumber,
    "media1": [profile.token for profile in media.GetProfiles()],
    "media2": {profile.token: profile.Configurations.VideoEncoder.Encoding for profile in profiles},
    "metadata": [profile.token for profile in profiles if profile.Configurations.Metadata],
    "made": added[0].Configurations.VideoEncoder.token,
    "stream": media2.GetStreamUri(ProfileToken=token, Protocol="RTSP"),
    "sources": client.deviceio().GetVideoSources(),
    "placed": [place.Token for place in device.GetGeoLocation()],
}
print(json.dumps(said))
