package resources

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

func (c *clients) registries() map[string]*kind {
	return map[string]*kind{
		"AWS::Glue::Registry": {
			create: c.createRegistry, update: c.updateRegistry,
			read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				id := &types.RegistryId{RegistryArn: &r.PhysicalID}
				if r.PhysicalID == "" {
					id = &types.RegistryId{RegistryName: ptr(r.Props.Get("Name").Text())}
				}
				out, err := c.glue.GetRegistry(ctx, &glue.GetRegistryInput{RegistryId: id})
				if err != nil {
					return deploy.State{}, err
				}
				return idState("Arn", str(out.RegistryArn)), nil
			},
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.glue.DeleteRegistry(ctx, &glue.DeleteRegistryInput{RegistryId: &types.RegistryId{RegistryArn: &r.PhysicalID}})
				return err
			},
		},
		"AWS::Glue::Schema": {create: c.createSchema, update: c.updateSchema, read: c.readSchema,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.glue.DeleteSchema(ctx, &glue.DeleteSchemaInput{SchemaId: &types.SchemaId{SchemaArn: &r.PhysicalID}})
				return err
			}},
		"AWS::Glue::SchemaVersion": {create: c.createSchemaVersion, read: c.readSchemaVersion, remove: c.deleteSchemaVersion},
	}
}

func (c *clients) createRegistry(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &glue.CreateRegistryInput{RegistryName: optional(r.Props, "Name"), Description: optional(r.Props, "Description")}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
		in.Tags = tags
	}
	out, err := c.glue.CreateRegistry(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return idState("Arn", str(out.RegistryArn)), nil
}

func (c *clients) updateRegistry(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if changed(r, "Description") {
		in := &glue.UpdateRegistryInput{RegistryId: &types.RegistryId{RegistryArn: &r.PhysicalID}, Description: ptr(r.Props.Get("Description").Text())}
		if _, err := c.glue.UpdateRegistry(ctx, in); err != nil {
			return deploy.State{}, err
		}
	}
	return idState("Arn", r.PhysicalID), c.tagGlue(ctx, r)
}

func (c *clients) tagGlue(ctx context.Context, r *deploy.Request) error {
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.glue.UntagResource(ctx, &glue.UntagResourceInput{ResourceArn: &r.PhysicalID, TagsToRemove: drop}); err != nil {
			return err
		}
	}
	if len(set) == 0 || !changed(r, "Tags") && len(r.Tags) == 0 {
		return nil
	}
	_, err := c.glue.TagResource(ctx, &glue.TagResourceInput{ResourceArn: &r.PhysicalID, TagsToAdd: set})
	return err
}

func registryID(n *template.Node) *types.RegistryId {
	if n == nil {
		return nil
	}
	return &types.RegistryId{RegistryArn: optional(n, "Arn"), RegistryName: optional(n, "Name")}
}

func (c *clients) createSchema(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &glue.CreateSchemaInput{SchemaName: optional(r.Props, "Name"), Description: optional(r.Props, "Description"), SchemaDefinition: optional(r.Props, "SchemaDefinition"),
		DataFormat: types.DataFormat(r.Props.Get("DataFormat").Text()), Compatibility: types.Compatibility(r.Props.Get("Compatibility").Text()), RegistryId: registryID(r.Props.Get("Registry"))}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
		in.Tags = tags
	}
	out, err := c.glue.CreateSchema(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return schemaState(str(out.SchemaArn), str(out.SchemaVersionId)), nil
}

func schemaState(arn, first string) deploy.State {
	return deploy.State{PhysicalID: arn, Attrs: map[string]string{"Arn": arn, "InitialSchemaVersionId": first}}
}

func (c *clients) updateSchema(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	id := &types.SchemaId{SchemaArn: &r.PhysicalID}
	in := &glue.UpdateSchemaInput{SchemaId: id, Description: optional(r.Props, "Description")}
	if changed(r, "Compatibility") {
		in.Compatibility = types.Compatibility(r.Props.Get("Compatibility").Text())
	}
	if v := r.Props.Get("CheckpointVersion"); v != nil && changed(r, "CheckpointVersion") {
		number := &types.SchemaVersionNumber{}
		b := binding{rename: map[string]string{"IsLatest": "LatestVersion"}}
		if err := b.bind(v, number); err != nil {
			return deploy.State{}, err
		}
		in.SchemaVersionNumber = number
	}
	if changed(r, "Compatibility", "CheckpointVersion", "Description") {
		if _, err := c.glue.UpdateSchema(ctx, in); err != nil {
			return deploy.State{}, err
		}
	}
	if err := c.tagGlue(ctx, r); err != nil {
		return deploy.State{}, err
	}
	return c.readSchema(ctx, r)
}

func (c *clients) readSchema(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	id := &types.SchemaId{SchemaArn: &r.PhysicalID}
	if r.PhysicalID == "" {
		reg := registryID(r.Props.Get("Registry"))
		id = &types.SchemaId{SchemaName: optional(r.Props, "Name")}
		if reg != nil {
			id.RegistryName = reg.RegistryName
		}
	}
	out, err := c.glue.GetSchema(ctx, &glue.GetSchemaInput{SchemaId: id})
	if err != nil {
		return deploy.State{}, err
	}
	first, err := c.glue.GetSchemaVersion(ctx, &glue.GetSchemaVersionInput{SchemaId: &types.SchemaId{SchemaArn: out.SchemaArn}, SchemaVersionNumber: &types.SchemaVersionNumber{VersionNumber: ptr(int64(1))}})
	if err != nil && !gone(err) {
		return deploy.State{}, err
	}
	version := ""
	if err == nil {
		version = str(first.SchemaVersionId)
	}
	return schemaState(str(out.SchemaArn), version), nil
}

func versionSchema(props *template.Node) *types.SchemaId {
	s := props.Get("Schema")
	return &types.SchemaId{SchemaArn: optional(s, "SchemaArn"), SchemaName: optional(s, "SchemaName"), RegistryName: optional(s, "RegistryName")}
}

func (c *clients) createSchemaVersion(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	out, err := c.glue.RegisterSchemaVersion(ctx, &glue.RegisterSchemaVersionInput{SchemaId: versionSchema(r.Props), SchemaDefinition: optional(r.Props, "SchemaDefinition")})
	if err != nil {
		return deploy.State{}, err
	}
	return idState("VersionId", str(out.SchemaVersionId)), nil
}

func (c *clients) readSchemaVersion(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if r.PhysicalID == "" {
		return deploy.State{}, deploy.ErrNotFound // registering it again gives the same version
	}
	_, err := c.glue.GetSchemaVersion(ctx, &glue.GetSchemaVersionInput{SchemaVersionId: &r.PhysicalID})
	return idState("VersionId", r.PhysicalID), err
}

// deleteSchemaVersion deletes the version by its number. The first and the latest
// checkpoint stay with the schema, as the service wants it.
func (c *clients) deleteSchemaVersion(ctx context.Context, r *deploy.Request) error {
	v, err := c.glue.GetSchemaVersion(ctx, &glue.GetSchemaVersionInput{SchemaVersionId: &r.PhysicalID})
	if err != nil {
		return err
	}
	s, err := c.glue.GetSchema(ctx, &glue.GetSchemaInput{SchemaId: &types.SchemaId{SchemaArn: v.SchemaArn}})
	if err != nil {
		return err
	}
	if v.VersionNumber == nil || *v.VersionNumber == 1 || s.SchemaCheckpoint != nil && *s.SchemaCheckpoint == *v.VersionNumber {
		return nil
	}
	_, err = c.glue.DeleteSchemaVersions(ctx, &glue.DeleteSchemaVersionsInput{SchemaId: &types.SchemaId{SchemaArn: v.SchemaArn}, Versions: ptr(itoa(*v.VersionNumber))})
	return err
}
