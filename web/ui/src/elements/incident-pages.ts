/** The pages of alerts, geofences and incidents, which are fetched together when somebody goes to one of them. */

import "./alerts-page";
import "./geofences-page";
import "./incident-page";
import "./incidents-page";
