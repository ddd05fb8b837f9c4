"""What a visitor sees, and what a vote does."""

import re

from drywire import FormData


async def test_the_first_page_lists_the_questions_the_newest_first(site):
    assert "There are no questions yet." in (await site.get("/"))[1]
    first, _ = await site.ask("First?")
    second, _ = await site.ask("Second?")
    status, page = await site.get("/")
    assert status == 200
    assert re.findall(r'<a href="(.*?)">(.*?)</a>', page) == [(second, "Second?"), (first, "First?")]


async def test_a_database_without_questions_gets_samples_once(running):
    for _ in range(2):
        async with running(sample_data=True) as site:
            page = (await site.get("/"))[1]
            assert re.findall(r">([^<]*\?)</a>", page) == ["Which event loop do you run?", "What&#39;s up?"]


async def test_a_question_has_a_form_with_its_choices(site):
    path, choices = await site.ask()
    status, page = await site.get(path)
    assert status == 200
    assert "<h1>Tea?</h1>" in page
    assert f'<form action="{path}/vote" method="post">' in page
    assert re.findall(r'name="choice" value="(\d+)"> (\w+)', page) == [
        (str(choices[0]), "Yes"),
        (str(choices[1]), "No"),
    ]


async def test_a_vote_counts_and_leads_to_the_results(site):
    path, (yes, no) = await site.ask()
    for choice in (yes, no, yes):
        assert await site.post(f"{path}/vote", {"choice": str(choice)}) == (303, f"{path}/results")
    status, page = await site.get(f"{path}/results")
    assert status == 200
    assert re.findall(r'"row">(\w+)</th>\s+<td><meter max="3" value="(\d)"', page) == [("Yes", "2"), ("No", "1")]
    assert "3 votes in all." in page


async def test_a_question_without_votes_has_results(site):
    path, _ = await site.ask()
    assert "0 votes in all." in (await site.get(f"{path}/results"))[1]


async def test_votes_at_the_same_time_all_count(site, at_once):
    path, (yes, _) = await site.ask()
    answers = await at_once(20, lambda: site.post(f"{path}/vote", {"choice": str(yes)}))
    assert answers == [(303, f"{path}/results")] * 20
    assert await site.votes(path) == [20, 0]


NO_CHOICES = ["", "x", "-1", "0", "1.5", "٣", "999999999", "9" * 10, "9" * 5000, "1 OR 1=1"]


async def test_who_has_not_chosen_is_told_so(site):
    path, _ = await site.ask()
    for form in ({}, *({"choice": choice} for choice in NO_CHOICES)):
        async with site.session.post(f"{path}/vote", data=form) as response:
            assert response.status == 400
            page = await response.text()
        assert '<p class="error" role="alert">You did not choose.</p>' in page
        assert f'<form action="{path}/vote"' in page
    assert await site.votes(path) == [0, 0]


async def test_a_file_is_no_choice(site):
    path, _ = await site.ask()
    form = FormData()
    form.add_field("choice", b"1", filename="1")
    assert (await site.post(f"{path}/vote", form))[0] == 400


async def test_a_choice_of_another_question_does_not_count(site):
    path, _ = await site.ask()
    other, (yes, _) = await site.ask("Coffee?")
    assert (await site.post(f"{path}/vote", {"choice": str(yes)}))[0] == 400
    assert await site.votes(other) == [0, 0]


async def test_what_is_asked_is_text_and_no_markup(site):
    path, _ = await site.ask("<script>alert(1)</script>", ["<b>\"'&"])
    for page in ("/", path, f"{path}/results"):
        text = (await site.get(page))[1]
        assert "<script>" not in text
        assert "<b>" not in text
        assert "&lt;script&gt;" in text
    assert "&lt;b&gt;&#34;&#39;&amp;" in text
