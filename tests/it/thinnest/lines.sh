# The commands of the vendor's document, in its order, with the base URL and the ids of this store. Each has to
# succeed by itself; what it answered is printed as one line.
AUTH="Authorization: Bearer $THINNESTAI_API_KEY"
TYPE="Content-Type: application/json"
ask() { curl -sS --fail-with-body "$@" | jq -c .; }

ask -X POST "$BASE/agents/$agent_id/publish" -H "$AUTH" -H "$TYPE" \
  -d '{
    "change_summary": "Added FAQ tool and updated greeting"
  }'
ask -X POST "$BASE/agents/$agent_id/unpublish" -H "$AUTH"
ask "$BASE/agents/$agent_id/status" -H "$AUTH"
ask -X POST "$BASE/agents/$agent_id/publish" -H "$AUTH" -H "$TYPE" -d '{}'
ask "$BASE/agents/$agent_id/versions" -H "$AUTH"
ask "$BASE/agents/$agent_id/versions/2" -H "$AUTH"
ask -X POST "$BASE/agents/$agent_id/versions" -H "$AUTH" -H "$TYPE" \
  -d '{
    "change_summary": "Checkpoint before tool experiment",
    "version_label": "pre-experiment",
    "environment": "development"
  }'
ask -X POST "$BASE/agents/$agent_id/versions/1/rollback" -H "$AUTH"
ask "$BASE/agents/$agent_id/versions/1/diff/2" -H "$AUTH"
ask "$BASE/agents/$agent_id/diff-draft" -H "$AUTH"
ask -X POST "$BASE/agents/$agent_id/versions/6/promote" -H "$AUTH" -H "$TYPE" \
  -d '{
    "version_id": 6,
    "target_environment": "production"
  }'
