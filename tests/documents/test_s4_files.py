"""The example of seed-004 on static files. What is left out of that document: test_s4.py."""

from drywire import web

from ..server.asking import answers, get


async def test_s4_47_static_files(play, serving, answer_to, tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("body {}")
    app = web.Application()
    await play(
        """
        app.router.add_static('/static/',
                              path=str(project_root / 'static'),
                              name='static')
        """,
        app=app,
        project_root=tmp_path,
    )
    async with serving(app) as url:
        answer = answers(await answer_to(url, get("/static/style.css")))[0]
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"body {}", "text/css")
