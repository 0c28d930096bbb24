"""Drives a server with the vendor's own client, at the version that its module says: every method of the clients
for agents, drafts and versions, once sync and once async, and by plain requests what the methods cannot say.

Takes the server's base URL; ends with 1 and what was found when something is not as it should be.
"""

import asyncio
import inspect
import sys

import httpx
from smallestai import AsyncSmallestAI, SmallestAI
from smallestai.core.api_error import ApiError
from smallestai.environment import SmallestAIEnvironment

ID = 24
KEY = "any"


class Calls:
    """A client of which every method may be awaited, whether or not it is async; notes what was called."""

    def __init__(self, client):
        self.client = client
        self.called = set()
        self.methods = {
            name
            for name, _ in inspect.getmembers(type(client), inspect.isfunction)
            if not name.startswith("_")
        }

    def __getattr__(self, name):
        method = getattr(self.client, name)

        async def call(*args, **kwargs):
            self.called.add(name)
            answer = method(*args, **kwargs)
            return await answer if inspect.isawaitable(answer) else answer

        return call


async def refused(status, text, call):
    """Demands a refusal that says this."""
    try:
        await call
    except ApiError as error:
        told = error.body if isinstance(error.body, dict) else dict(error.body)
        assert error.status_code == status, (error.status_code, told)
        assert told["status"] is False and any(text in line for line in told["errors"]), told
        return
    raise AssertionError(f"it was not refused: {text}")


def is_id(text):
    return isinstance(text, str) and len(text) == ID and all(c in "0123456789abcdef" for c in text)


async def agents(calls, name):
    """Makes an agent and looks at it in every way; gives its id and its active version."""
    await refused(400, "Invalid Input: Required", calls.create_a_new_agent(name=name, language={}))
    made = await calls.create_a_new_agent(
        name=name,
        description="by the client",
        language={"enabled": "en", "switching": {"is_enabled": False}},
        slm_model="gpt-4o",
        synthesizer={"voice_config": {"model": "waves", "voice_id": "nyah"}, "speed": 1.1},
        default_variables={"company": "Acme"},
        first_message="Hello.",
        allow_interruptions=True,
        workflow_type="single_prompt",
    )
    assert made.status is True and is_id(made.data), made
    agent = (await calls.get_agent_by_id(made.data)).data
    assert (agent.id, agent.name, agent.description) == (made.data, name, "by the client"), agent
    assert is_id(agent.organization) and is_id(agent.workflow_id) and is_id(agent.created_by), agent
    assert is_id(agent.active_version_id) and agent.active_version_id == agent.version_id, agent
    assert agent.language.switching.is_enabled is False and agent.slm_model == "gpt-4o", agent
    assert agent.synthesizer.speed == 1.1 and agent.default_variables == {"company": "Acme"}, agent
    assert agent.created_at.tzinfo is not None and agent.updated_at >= agent.created_at, agent
    assert agent.resolved_config.prompt == "", agent.resolved_config
    assert agent.resolved_config.firstMessage == "Hello.", agent.resolved_config
    updated = await calls.update_agent_metadata(
        made.data, name=f"{name} 2", telephony_product_id="product", allow_inbound_call=True
    )
    assert updated.data == made.data, updated
    agent = (await calls.get_agent_by_id(made.data)).data
    assert (agent.name, agent.telephonyProductId, agent.allowInboundCall) == (f"{name} 2", "product", True)
    page = (await calls.get_all_agents(page=1, offset=5, search=name.upper())).data
    assert [found.id for found in page.agents] == [made.data] and page.total == 1, page
    assert page.totalPages == 1 and page.hasMore is False and page.totalCount == 1, page
    await refused(400, "No agent found", calls.get_agent_by_id("f" * ID))
    return agent


async def drafts(calls, agent):
    """Forks, edits, renames, compares, discards and publishes; gives the new version."""
    await refused(400, "Either sourceVersionId or sourceDraftId is required", calls.create_a_draft(agent.id))
    draft = (
        await calls.create_a_draft(
            agent.id, source_version_id=agent.active_version_id, draft_name="Warmer greeting"
        )
    ).data
    assert (draft.status, draft.draft_name, draft.draft_revision) == ("draft", "Warmer greeting", 1), draft
    assert draft.source_version_id == agent.active_version_id and draft.agent == agent.id, draft
    assert draft.id != draft.draft_id and is_id(draft.draft_id) and draft.version_number is None, draft
    edit = calls.edit_draft_config_prompt_tools_post_call_metrics_voice_etc
    edited = (
        await edit(
            agent.id,
            draft.draft_id,
            name=agent.name,
            telephony_product_id="ignored",
            first_message="Hello, I am Mia.",
            background_sound="office",
            single_prompt_config={
                "prompt": "You are Mia of {{company}}.",
                "tools": [{"type": "end_call", "name": "end_call", "description": "Ends the call."}],
            },
            post_call_analytics_config={
                "disposition_metrics": [
                    {
                        "identifier": "resolved",
                        "disposition_metric_prompt": "Was it resolved?",
                        "disposition_metric_type": "BOOLEAN",
                    }
                ]
            },
        )
    ).data
    assert edited.draft_revision == 2 and edited.draft_id == draft.draft_id and edited.id != draft.id, edited
    assert edited.blocks.workflow_prompt != draft.blocks.workflow_prompt, edited
    assert edited.blocks.llm == draft.blocks.llm, edited
    await refused(400, "No recognized config fields in request body", edit(agent.id, draft.draft_id, name="x"))
    renamed = await calls.rename_a_draft(agent.id, draft.draft_id, draft_name="Greeting")
    assert renamed.data.draft_name == "Greeting", renamed
    detail = (await calls.get_draft_detail(agent.id, draft.draft_id, limit=10)).data
    assert detail.edit_count == 1 and detail.latest.draft_name == "Greeting", detail
    assert detail.edit_history[0].changed_sections == [
        "analytics", "audio", "call_handling", "workflow_prompt", "workflow_tools"
    ], detail
    assert detail.edit_history[0].editor_name and is_id(detail.edit_history[0].editor_id), detail
    other = (await calls.create_a_draft(agent.id, source_draft_id=draft.draft_id)).data
    listed = (await calls.list_active_drafts(agent.id)).data
    assert {item.draft_id for item in listed} == {draft.draft_id, other.draft_id}, listed
    assert all(item.last_editor_name for item in listed), listed
    gone = await calls.discard_a_draft(agent.id, other.draft_id)
    assert gone.status is True and gone.data is None, gone
    await refused(400, "Draft not found", calls.get_draft_detail(agent.id, other.draft_id))
    changes = (await calls.get_draft_diff(agent.id, draft.draft_id)).data
    assert changes["hasChanges"] is True, changes
    assert changes["sections"]["workflow_prompt"]["after"] == "You are Mia of {{company}}.", changes
    same = (await calls.get_draft_diff(agent.id, draft.draft_id, compare_to=agent.active_version_id)).data
    assert same == changes, same
    call = await calls.test_call_with_draft_config(agent.id, draft.draft_id, mode="chat")
    assert call.data["callId"].startswith("CALL-"), call
    published = (
        await calls.publish_a_draft(
            agent.id, draft.draft_id, label="v2", description="Greets by name", activate=True
        )
    ).data
    assert (published.status, published.version_number, published.label) == ("published", 2, "v2"), published
    assert published.is_active is False and published.parent_version == agent.active_version_id, published
    assert published.securityCheck["status"] == "passed", published
    again = (await calls.publish_a_draft(agent.id, draft.draft_id, label="once more")).data
    assert (again.id, again.label) == (published.id, "v2"), again
    assert (await calls.list_active_drafts(agent.id)).data == []
    return published


async def versions(calls, agents_of, agent, second):
    """Compares, pins, tests and activates versions."""
    first = agent.active_version_id
    listed = (await calls.list_published_versions(agent.id, limit=1, skip=0)).data
    assert listed.total == 2 and [item.id for item in listed.versions] == [second.id], listed
    assert listed.versions[0].published_by_name, listed
    rest = (await calls.list_published_versions(agent.id, skip=1)).data
    assert [item.id for item in rest.versions] == [first], rest
    pinned = await calls.update_version_metadata_label_description_pin_only(
        agent.id, second.id, label="v2 - greeting", is_pinned=True
    )
    assert (pinned.data.label, pinned.data.is_pinned) == ("v2 - greeting", True), pinned
    assert pinned.data.description == "Greets by name" and pinned.data.updated_at > pinned.data.created_at
    only = (await calls.list_published_versions(agent.id, is_pinned=True)).data
    assert [item.id for item in only.versions] == [second.id] and only.total == 2, only
    await refused(
        400, "At least one of", calls.update_version_metadata_label_description_pin_only(agent.id, second.id)
    )
    detail = (await calls.get_version_detail(agent.id, second.id)).data
    assert detail.version.id == second.id and detail.securityCheck["status"] == "passed", detail
    assert detail.resolvedConfig["call_handling"]["firstMessage"] == "Hello, I am Mia.", detail
    changes = (await calls.diff_two_versions(agent.id, version_a=first, version_b=second.id)).data
    by_section = {diff["section"]: diff["changes"] for diff in changes["diffs"]}
    assert {"path": "firstMessage", "oldValue": "Hello.", "newValue": "Hello, I am Mia."} in by_section[
        "call_handling"
    ], changes
    assert "voice" in changes["unchangedSections"] and "voice" not in by_section, changes
    metrics = (
        await calls.compare_metrics_between_two_versions(agent.id, version_a=first, version_b=second.id)
    ).data
    assert metrics["configDiff"] == changes and metrics["metrics"]["deltas"]["totalCalls"] == 0, metrics
    call = await calls.test_call_with_version_config(agent.id, second.id, mode="telephony", to_phone="+15550100")
    assert call.data["callId"].startswith("CALL-"), call
    active = (await calls.activate_a_version(agent.id, second.id)).data
    assert active.is_active is True and is_id(active.activatedBy), active
    serving = (await agents_of.get_agent_by_id(agent.id)).data
    assert serving.active_version_id == second.id, serving
    assert serving.resolved_config.prompt == "You are Mia of {{company}}.", serving
    assert serving.resolved_config.post_call_analytics_config.disposition_metrics[0].identifier == "resolved"
    assert serving.resolved_config.tools[0].name == "end_call", serving
    await refused(400, "Version not found", calls.activate_a_version(agent.id, "f" * ID))


async def workflows(calls, agent):
    """The older endpoints, a copy, and the end."""
    await calls.update_workflow_configuration(
        agent.workflow_id, type="single_prompt", single_prompt_config={"prompt": "Be brief."}
    )
    workflow = (await calls.get_agent_workflow(agent.id)).data
    assert workflow.prompt == "Be brief." and workflow.tools[0].name == "end_call", workflow
    assert (await calls.get_agent_by_id(agent.id)).data.resolved_config.firstMessage == "Hello, I am Mia."
    copy = await calls.duplicate_agent_to_another_organization(
        agent.id, target_organization_id=agent.organization
    )
    copied = (await calls.get_agent_by_id(copy.data.id)).data
    assert copied.default_variables == {"company": ""} and copied.id != agent.id, copied
    assert copied.resolved_config.prompt == "Be brief." and is_id(copied.active_version_id), copied
    for gone in (copy.data.id, agent.id):
        assert (await calls.delete_agent(gone)).status is True
    page = (await calls.get_all_agents(search=agent.name)).data
    assert page.agents == [] and page.total == 0, page
    await refused(404, "Workflow not found", calls.update_workflow_configuration(
        "f" * ID, type="single_prompt", single_prompt_config={"prompt": "x"}
    ))


def raw(base, agent, second):
    """What the methods cannot say."""
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}) as http:

        def send(method, path, status=200, **kwargs):
            answer = http.request(method, f"{base}{path}", **kwargs)
            assert answer.status_code == status, (method, path, answer.status_code, answer.text)
            return answer

        here = f"/agent/{agent.id}"
        draft = send("POST", f"{here}/drafts", 201, json={"sourceVersionId": second.id}).json()["data"]
        config = {
            "customLLMWebSocketUrl": "wss://llm.example.com/v1",
            "transcriberType": "pulse",
            "callDispositionConfig": "outcome",
            "enableStyleGuide": True,
            "speechFormatting": False,
            "widgetConfig": {"position": "bottom-right"},
        }
        at = f"{here}/drafts/{draft['draftId']}"
        answer = send("PATCH", f"{at}/config", json={**config, "name": "x", "unheardOf": 1})
        assert answer.headers["recto-ignored"] == "name, unheardOf", answer.headers
        shown = send("GET", f"{here}?draftId={draft['draftId']}").json()["data"]
        resolved = shown["_resolvedConfig"]
        assert {key: resolved[key] for key in config} == config, resolved
        assert shown["activeVersionId"] == second.id, shown
        old = send("GET", f"{here}?versionId={agent.active_version_id}").json()["data"]
        assert old["_resolvedConfig"]["firstMessage"] == "Hello.", old
        by_guide = send("GET", f"{at}/diff?versionId={second.id}").json()["data"]
        changed = [name for name, section in by_guide["sections"].items() if section["changed"]]
        assert sorted(changed) == ["analytics", "llm", "voice", "widget"], changed
        both = send("GET", f"{here}/versions/diff?baseId={agent.active_version_id}&compareId={second.id}").json()
        assert both["data"]["diffs"], both
        first = send("GET", f"{here}/workflow?versionId={agent.active_version_id}").json()["data"]
        assert first == {"prompt": "", "tools": []}, first
        called = send("POST", "/conversation/outbound", json={"agentId": agent.id, "phoneNumber": "+15550100"})
        assert called.json()["data"]["versionId"] == second.id, called.text
        told = send("PATCH", here, 400, json={"firstMessage": "x"}).json()["errors"]
        assert told == ["Agent has versioning enabled. Config changes must be made through drafts."], told
        send("DELETE", here, 404)
        send("DELETE", at)


async def run(client, base, name):
    atoms = client.atoms
    calls = [
        Calls(atoms.agents),
        Calls(atoms.agent_versioning_drafts),
        Calls(atoms.agent_versioning_versions),
    ]
    agent = await agents(calls[0], name)
    second = await drafts(calls[1], agent)
    await versions(calls[2], calls[0], agent, second)
    raw(base, agent, second)
    await workflows(calls[0], agent)
    for each in calls:
        assert each.called == each.methods, (type(each.client), each.methods - each.called)
    return sum(len(each.called) for each in calls)


def main():
    base = sys.argv[1]
    environment = SmallestAIEnvironment(atoms=base, waves=base, waves_ws=base.replace("http", "ws"))
    options = {"api_key": KEY, "environment": environment, "max_retries": 0}
    count = asyncio.run(run(SmallestAI(**options), base, "Sync Desk"))
    count += asyncio.run(run(AsyncSmallestAI(**options), base, "Async Desk"))
    print(f"{count} methods")


if __name__ == "__main__":
    main()
