"""Name what blocks a WebSocket: facts from evidence, a verdict from facts, and a cure.

The page and the command ``flask-echo probe`` share the rules, the signatures of products and the
cures: they are data, and :func:`flask_echo.diagnosis.book.book` gives them to the page. Only the
step from evidence to facts is written twice (:mod:`flask_echo.diagnosis.facts` and
``static/js/common/diagnosis/facts.js``). tests/cases/ has cases that run against both.
"""
