# The walkthrough of the vendor's guide to the versioning lifecycle, its commands as they stand there. Only $BASE
# is another, and comes from outside.
export AUTH="Authorization: Bearer $SMALLEST_API_KEY"
export CT="Content-Type: application/json"

AGENT_ID=$(curl -s -X POST "$BASE/agent" -H "$AUTH" -H "$CT" \
  -d '{"name": "lifecycle-demo", "language": {"switching": {"isEnabled": false}}}' \
  | jq -r '.data')
echo "agent: $AGENT_ID"

ACTIVE_VERSION_ID=$(curl -s "$BASE/agent/$AGENT_ID" -H "$AUTH" \
  | jq -r '.data.activeVersionId')

DRAFT_ID=$(curl -s -X POST "$BASE/agent/$AGENT_ID/drafts" -H "$AUTH" -H "$CT" \
  -d "{\"sourceVersionId\": \"$ACTIVE_VERSION_ID\"}" \
  | jq -r '.data.draftId')

curl -s -X PATCH "$BASE/agent/$AGENT_ID/drafts/$DRAFT_ID/config" \
  -H "$AUTH" -H "$CT" \
  -d '{"firstMessage": "Hello, this is the lifecycle demo agent."}' \
  > /dev/null

VERSION_ID=$(curl -s -X POST "$BASE/agent/$AGENT_ID/drafts/$DRAFT_ID/publish" \
  -H "$AUTH" -H "$CT" \
  -d '{"label": "v2 - greeting added"}' \
  | jq -r '.data._id')

sleep 6
curl -s -X PATCH "$BASE/agent/$AGENT_ID/versions/$VERSION_ID/activate" \
  -H "$AUTH" > /dev/null

CONV_ID=$(curl -s -X POST "$BASE/conversation/outbound" -H "$AUTH" -H "$CT" \
  -d "{\"agentId\": \"$AGENT_ID\", \"phoneNumber\": \"+1...\", \"fromProductId\": \"...\"}" \
  | jq -r '.data.conversationId')

curl -s "$BASE/agent/$AGENT_ID" -H "$AUTH" \
  | jq '.data._resolvedConfig.firstMessage'

# Not of the guide: what its variables hold by now.
echo "$ACTIVE_VERSION_ID $DRAFT_ID $VERSION_ID $CONV_ID"
