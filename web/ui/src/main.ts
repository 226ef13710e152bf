/** Where the page begins. */

import "./tokens.css";
import "./elements/control-room";
