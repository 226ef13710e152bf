// Reads an ONVIF device with npm's `onvif` and prints what it says as JSON: HOST PORT USER PASSWORD.
'use strict';
const { Cam } = require('onvif');
const { promisify } = require('util');

const [hostname, port, username, password] = process.argv.slice(2);

async function read() {
  const cam = new Cam({ hostname, port, username, password, autoconnect: false });
  const ask = (name, ...more) => promisify(cam[name].bind(cam))(...more);
  await ask('connect');
  return {
    serial: (await ask('getDeviceInformation')).serialNumber,
    media2: cam.media2Support,
    profiles: cam.profiles.map((profile) => profile.$.token),
    source: cam.activeSource,
    stream: (await ask('getStreamUri', { protocol: 'RTSP' })).uri,
    snapshot: (await ask('getSnapshotUri', {})).uri,
    hostname: (await ask('getHostname')).name,
    scopes: (await ask('getScopes')).length,
  };
}

read().then(
  (said) => process.stdout.write(JSON.stringify(said), () => process.exit(0)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
