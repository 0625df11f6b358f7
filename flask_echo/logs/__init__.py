"""The log: standard output and standard error that nobody waits for, as text or as JSON.

- :mod:`~flask_echo.logs.queue`: a bounded queue of texts, and the thread that writes them.
- :mod:`~flask_echo.logs.streams`: streams that put what is written into a queue.
- :mod:`~flask_echo.logs.json_line`: one line of JSON, made of a log record or of a text.
- :mod:`~flask_echo.logs.json_stream`: streams that write nothing but such lines.
- :mod:`~flask_echo.logs.json_process`: every line of the process as JSON.

gunicorn's master imports these modules; see :mod:`flask_echo.gunicorn_conf`.
"""
