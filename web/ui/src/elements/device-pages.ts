/** The pages about devices, as one part of the page that is fetched when somebody goes there. */

import "./camera-page";
import "./cameras-page";
import "./fleet-page";
import "./notifications-page";
import "./phones-page";
