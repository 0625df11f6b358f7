"""Keys that no character stands for, as in WebDriver's table of keys."""

ENTER, SPACE, TAB = "\ue007", " ", "\ue004"
LEFT, RIGHT = "\ue012", "\ue014"
END, HOME, UP, DOWN = "\ue010", "\ue011", "\ue013", "\ue015"
CONTROL, SHIFT = "\ue009", "\ue008"
