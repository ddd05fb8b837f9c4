"""Pages for errors, and what other sites may not do."""

from drywire_polls.db import Database


async def test_what_is_not_there_has_a_page_that_says_so(site):
    paths = ["/none", "/poll/1000", "/poll/0/results", "/poll/x", "/poll/-1", "/poll/1234567890", "/static/none.css"]
    for path in paths:
        status, page = await site.get(path)
        assert status == 404
        assert "<h1>Not found</h1>" in page
        assert (await site.post(f"{path}/vote", {"choice": "1"}))[0] in (404, 405)


async def test_what_goes_wrong_has_a_page_that_tells_nothing_and_is_logged(site, monkeypatch, caplog):
    async def fail(self):
        raise LookupError("the secret of the database")

    monkeypatch.setattr(Database, "questions", fail)
    status, page = await site.get("/")
    assert status == 500
    assert "<h1>Something went wrong</h1>" in page
    assert "secret" not in page
    assert "GET / failed" in caplog.text
    assert "the secret of the database" in caplog.text


async def test_a_method_that_is_not_answered_is_405(site):
    path, _ = await site.ask()
    assert (await site.post(path))[0] == 405
    assert (await site.get(f"{path}/vote"))[0] == 405


FORMS = [
    ({}, 303),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "http://polls.test"}, 303),
    ({"Sec-Fetch-Site": "none"}, 303),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.test"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://polls.test"}, 403),
    ({"Origin": "http://polls.test"}, 303),
    ({"Origin": "https://polls.test"}, 303),
    ({"Origin": "http://polls.test.evil.test"}, 403),
    ({"Origin": "http://polls.test:8080"}, 403),
    ({"Origin": "null"}, 403),
]
"""What a browser says of where a form comes from, and what it is answered."""


async def test_the_forms_of_other_sites_are_refused(site):
    path, (yes, _) = await site.ask()
    for headers, status in FORMS:
        assert (await site.post(f"{path}/vote", {"choice": str(yes)}, headers=headers))[0] == status, headers
        assert (await site.get(path, headers=headers))[0] == 200  # links from other sites are welcome
    assert await site.votes(path) == [sum(status == 303 for _, status in FORMS), 0]


async def test_every_answer_tells_browsers_what_it_may_do(site):
    for path, status in {"/": 200, "/none": 404, "/static/style.css": 200}.items():
        async with site.session.get(path) as response:
            assert response.status == status
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


async def test_static_files_have_a_version_in_their_url(site):
    page = (await site.get("/"))[1]
    url = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    assert url.startswith("/static/style.css?v=")
    async with site.session.get(url) as response:
        assert (response.status, response.content_type) == (200, "text/css")
