"""The command ``flask-echo probe``: test a WebSocket from a terminal, and name what blocks it.

It measures; :mod:`flask_echo.diagnosis` judges. The page does the same from a browser.
"""
