package hook

// gitea reads the webhooks of Gitea and Forgejo, whose payloads are like those of GitHub.
// Both send the headers of Gitea, Forgejo its own besides.
func gitea() adapter {
	return forge(forgeHeaders{event: []string{"X-Gitea-Event", "X-Forgejo-Event", "X-GitHub-Event"}, id: []string{"X-Gitea-Delivery", "X-Forgejo-Delivery", "X-GitHub-Delivery", "Idempotency-Key"}}, "github",
		"push", "pull_request", "issues", "issue_comment", "release", "create", "delete")
}
