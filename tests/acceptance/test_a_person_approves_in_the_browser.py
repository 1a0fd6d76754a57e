"""`runner serve` as a person meets it in a browser: they sign in, review a plan, approve it, and watch."""

from playwright.sync_api import expect
from shell import end, said, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv

PASSWORD = "seven quiet green lamps"
PEOPLE = 6


def test_what_a_person_approves_in_the_browser_is_called_once(browser, customer, sandbox):
    customer.write("campaigns/visits.yaml", campaign_yaml(name="visits", pacing=AHEAD))
    customer.write("campaigns/contacts.csv", contacts_csv(PEOPLE))
    customer.environment |= {"RUNNER_LISTEN": "127.0.0.1:0", "RUNNER_RECEIVER_LISTEN": "127.0.0.1:0"}
    customer.run("users", "add", "ana", "--role", "operator", "--password-stdin", stdin=f"{PASSWORD}\n")
    serving = customer.start("serve", "campaigns")
    address = said(serving, "showing campaigns on").split()[-1]
    said(serving, "visits: waiting for approval")
    page = browser.new_page()
    page.goto(address)
    page.get_by_label("Name").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Review and approve of visits").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{PEOPLE} to call")
    assert sandbox.calls() == []
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("visits is approved")
    page.goto(f"{address}campaigns/visits")
    wait_until(lambda: len(sandbox.calls()) == PEOPLE, "a call to everybody")
    # The page follows by itself.
    expect(page.get_by_role("main")).to_contain_text("Waiting for results", timeout=30_000)
    expect(page.get_by_role("main")).to_contain_text("Approved by ana")
    page.close()
    end(serving)
    assert "ana" in customer.run("history", "visits").stdout
    assert len({call["phone_number"] for call in sandbox.calls()}) == PEOPLE
