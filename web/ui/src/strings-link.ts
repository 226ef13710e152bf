/** What the page says of its link to the gateway, of what was missed without it, and of itself as an app. */

const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

export const linkStrings = {
  news: "The link",
  offline: "This device is offline",
  offlineExplain: "It has no network. What you see is old.",
  slow: "Your link is slow",
  roundTrip: (seconds: string) => `${seconds} s there and back`,
  lost: (percent: string) => `${percent} lost`,
  slowExplain: "Pictures are made smaller to get through, and may come late. The cameras are not the cause.",
  behind: (seconds: string) => `${seconds} s behind`,

  away: {
    title: (age: string) => `You were away ${age}:`,
    nothing: "nothing happened that you would have to know.",
    alerts: (n: number) => count(n, "alert", "alerts"),
    incidents: (n: number) => count(n, "new incident", "new incidents"),
    offline: (n: number) => `${count(n, "unit", "units")} went offline`,
    oneOffline: (name: string) => `${name} went offline`,
    back: (n: number) => `${count(n, "unit", "units")} back`,
    oneBack: (name: string) => `${name} back`,
    dismiss: "Put aside",
  },

  app: {
    newer: "The gateway has a newer page.",
    reload: "Reload",
    title: "On this device",
    text: "As an app it begins from the home screen, also without a link. Nothing of the gateway's is kept on the device.",
    install: "Install as an app",
    dismiss: "Do not offer again",
    starting: "Nothing is shown until the gateway answers: what was known before may not be true any more.",
  },

  duty: {
    title: "On duty",
    incidents: "Open incidents",
    noIncidents: "No incident is open.",
    allIncidents: "All incidents",
    alerts: "Open alerts",
    noAlerts: "No alert is open.",
    allAlerts: "All alerts",
    units: "Units",
    noUnits: "There is no unit that you may see.",
    loading: "Loading…",
    noFix: "no position",
    fix: (age: string) => `position ${age} old`,
  },
};
