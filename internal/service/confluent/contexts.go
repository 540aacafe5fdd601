package confluent

// listContexts answers GET /contexts.
func (c *call) listContexts() (any, error) {
	names, err := c.store.Contexts(c.r.Context())
	if err != nil {
		return nil, err
	}
	return page(c, names)
}

// deleteContext answers DELETE /contexts/{context}; the context must be empty.
func (c *call) deleteContext() (any, error) {
	if err := c.store.DeleteContext(c.r.Context(), contextName(c.args["context"])); err != nil {
		return nil, err
	}
	return noContent{}, nil
}

// clusterID answers GET /v1/metadata/id.
func (c *call) clusterID() (any, error) {
	return map[string]any{"id": "", "scope": map[string]any{
		"path": []string{}, "clusters": map[string]string{"kafka-cluster": "leat", "schema-registry-cluster": "schema-registry"},
	}}, nil
}

// apiVersion is the release of Confluent Platform whose API this package speaks.
const apiVersion = "8.0.0"

// version answers GET /v1/metadata/version.
func (c *call) version() (any, error) {
	return map[string]string{"version": apiVersion, "commitId": "leat"}, nil
}
