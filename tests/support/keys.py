"""Keys that no character stands for, as in WebDriver's table of keys."""

ENTER, SPACE, TAB = "\ue007", " ", "\ue004"
HOME, UP, DOWN = "\ue011", "\ue013", "\ue015"
CONTROL = "\ue009"
