package dynamodb

import (
	"fmt"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Limits of a table's definition.
const (
	maxLSI       = 5
	maxGSI       = 20
	maxKeyParts  = 4   // attributes of an index's partition key, and of its sort key
	maxNonKey    = 100 // of all indexes of a table
	maxNonKeyOne = 20  // of one projection
	maxUnits     = 1_000_000_000_000
	maxAttrName  = 255
	minTableName = 3
)

// definitionMembers checks the members of attribute definitions and key schemas
// that the model constrains.
func (p *problems) attributes(defs []types.AttributeDefinition) {
	for i, d := range defs {
		at := fmt.Sprintf("attributeDefinitions.%d.member.", i+1)
		if d.AttributeType == "" {
			p.add("null", at+"attributeType", mustNotBeNull)
		}
		p.attributeName(at+"attributeName", d.AttributeName)
		p.enum(string(d.AttributeType), at+"attributeType", []string{"B", "N", "S"})
	}
}

func (p *problems) attributeName(at string, name *string) {
	switch {
	case name == nil:
		p.add("null", at, mustNotBeNull)
	case *name == "":
		p.add("''", at, "Member must have length greater than or equal to 1")
	case len(*name) > maxAttrName:
		p.add("'"+*name+"'", at, "Member must have length less than or equal to 255")
	}
}

func (p *problems) keySchema(at string, ks []types.KeySchemaElement, most int) {
	switch {
	case ks == nil:
		p.add("null", at, mustNotBeNull)
	case len(ks) == 0:
		p.add("'[]'", at, "Member must have length greater than or equal to 1")
	case len(ks) > most:
		p.add("'"+showSchema(ks)+"'", at, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	for i, k := range ks {
		p.attributeName(fmt.Sprintf("%s.%d.member.attributeName", at, i+1), k.AttributeName)
		if k.KeyType == "" {
			p.add("null", fmt.Sprintf("%s.%d.member.keyType", at, i+1), mustNotBeNull)
		}
		p.enum(string(k.KeyType), fmt.Sprintf("%s.%d.member.keyType", at, i+1), []string{"HASH", "RANGE"})
	}
}

func showSchema(ks []types.KeySchemaElement) string {
	parts := make([]string, len(ks))
	for i, k := range ks {
		parts[i] = fmt.Sprintf("KeySchemaElement(attributeName=%s, keyType=%s)", awssdk.ToString(k.AttributeName), k.KeyType)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (p *problems) throughput(at string, pt *types.ProvisionedThroughput) {
	if pt == nil {
		return
	}
	for _, m := range []struct {
		name string
		v    *int64
	}{{"writeCapacityUnits", pt.WriteCapacityUnits}, {"readCapacityUnits", pt.ReadCapacityUnits}} {
		switch {
		case m.v == nil:
			p.add("null", at+"."+m.name, mustNotBeNull)
		case *m.v < 1:
			p.add(fmt.Sprintf("'%d'", *m.v), at+"."+m.name, "Member must have value greater than or equal to 1")
		}
	}
}

func (p *problems) index(at string, name *string, ks []types.KeySchemaElement, pr *types.Projection, most int) {
	if name == nil {
		p.add("null", at+".indexName", mustNotBeNull)
	} else {
		p.name(at+".indexName", *name, minName)
	}
	p.keySchema(at+".keySchema", ks, most)
	if pr == nil {
		p.add("null", at+".projection", mustNotBeNull)
		return
	}
	p.enum(string(pr.ProjectionType), at+".projection.projectionType", []string{"ALL", "INCLUDE", "KEYS_ONLY"})
	switch n := pr.NonKeyAttributes; {
	case n != nil && len(n) == 0:
		p.add("'[]'", at+".projection.nonKeyAttributes", "Member must have length greater than or equal to 1")
	case len(n) > maxNonKeyOne:
		p.add("'["+strings.Join(n, ", ")+"]'", at+".projection.nonKeyAttributes", "Member must have length less than or equal to 20")
	}
}

// tableSchema reads the table's own key schema.
func tableSchema(ks []types.KeySchemaElement) (hash, sort string, err error) {
	if ks[0].KeyType != types.KeyTypeHash {
		return "", "", validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	}
	hash = *ks[0].AttributeName
	if len(ks) == 1 {
		return hash, "", nil
	}
	sort = *ks[1].AttributeName
	if sort == hash {
		return "", "", sameKeyName(ks)
	}
	if ks[1].KeyType != types.KeyTypeRange {
		return "", "", validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	return hash, sort, nil
}

// indexSchema reads an index's key schema: partition attributes, then sort attributes.
func indexSchema(ks []types.KeySchemaElement) (hash, sort []string, err error) {
	seen := map[string]bool{}
	for i, k := range ks {
		name := *k.AttributeName
		switch {
		case i == 0 && k.KeyType != types.KeyTypeHash:
			return nil, nil, validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
		case seen[name]:
			return nil, nil, sameKeyName(ks)
		case k.KeyType == types.KeyTypeHash && len(sort) > 0:
			return nil, nil, invalidParam("All HASH key attributes must precede RANGE key attributes in the KeySchema")
		case k.KeyType == types.KeyTypeHash:
			hash = append(hash, name)
		default:
			sort = append(sort, name)
		}
		seen[name] = true
	}
	switch {
	case len(hash) > maxKeyParts:
		return nil, nil, invalidParam("The KeySchema exceeds the maximum allowed number of HASH key attributes")
	case len(sort) > maxKeyParts:
		return nil, nil, invalidParam("The KeySchema exceeds the maximum allowed number of RANGE key attributes")
	}
	return hash, sort, nil
}

func sameKeyName(ks []types.KeySchemaElement) error {
	if len(ks) > 2 {
		return validation("The KeySchema contains multiple key attributes with the same name")
	}
	return validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")
}

// setAttrs takes over the attribute definitions of a new table and checks that they are
// exactly those that the keys of the table, the first, and of its indexes use.
func (t *Table) setAttrs(defs []types.AttributeDefinition, schemas ...[]types.KeySchemaElement) error {
	if len(defs) == 0 {
		return validation("Invalid KeySchema: Some index key attribute have no definition")
	}
	var names, used []string
	for _, d := range defs {
		n := *d.AttributeName
		if slices.Contains(names, n) {
			return validation("Attribute Name is duplicated: %s", n)
		}
		names = append(names, n)
		t.Attrs = append(t.Attrs, AttrDef{n, string(d.AttributeType)})
	}
	for _, ks := range schemas {
		if err := defined(ks, names); err != nil {
			return err
		}
		for _, k := range ks {
			if !slices.Contains(used, *k.AttributeName) {
				used = append(used, *k.AttributeName)
			}
		}
	}
	if len(used) == len(names) {
		return nil
	}
	if len(schemas) == 1 {
		return invalidParam("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return invalidParam("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]", strings.Join(names, ", "), strings.Join(used, ", "))
}

func defined(ks []types.KeySchemaElement, names []string) error {
	keys := make([]string, len(ks))
	for i, k := range ks {
		keys[i] = *k.AttributeName
	}
	for _, k := range keys {
		if !slices.Contains(names, k) {
			return invalidParam("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]", strings.Join(keys, ", "), strings.Join(names, ", "))
		}
	}
	return nil
}

// indexInput is an index as a request describes it.
type indexInput struct {
	name   string
	global bool
	update bool // it comes with UpdateTable
	schema []types.KeySchemaElement
	proj   *types.Projection
	prov   *types.ProvisionedThroughput
	demand *types.OnDemandThroughput
	warm   *types.WarmThroughput
}

// addIndex adds an index to the definition.
func (t *Table) addIndex(in indexInput) error {
	if !in.update && t.index(in.name) != nil {
		return invalidParam("Duplicate index name: %s", in.name)
	}
	hash, sort, err := indexSchema(in.schema)
	if err != nil {
		return err
	}
	if !in.global {
		if err := t.checkLocal(in.name, hash, sort); err != nil {
			return err
		}
	}
	ix := Index{Name: in.name, Global: in.global, Hash: hash, Range: sort, Projection: string(in.proj.ProjectionType), NonKey: in.proj.NonKeyAttributes}
	if err := ix.checkProjection(); err != nil {
		return err
	}
	if in.global {
		if err := t.indexThroughput(&ix, in); err != nil {
			return err
		}
	}
	t.NextNum++
	ix.Num = t.NextNum
	t.Indexes = append(t.Indexes, ix)
	return t.checkCounts(in.update)
}

func (t *Table) checkLocal(name string, hash, sort []string) error {
	switch {
	case len(sort) != 1 || len(hash) != 1:
		return invalidParam("Index KeySchema does not have a range key for index: %s", name)
	case hash[0] != t.Hash:
		return invalidParam("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s", name, hash[0], t.Hash)
	}
	return nil
}

func (ix *Index) checkProjection() error {
	switch {
	case ix.Projection == "":
		return invalidParam("Unknown ProjectionType: null")
	case ix.Projection == "INCLUDE" && len(ix.NonKey) == 0:
		return invalidParam("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case ix.Projection != "INCLUDE" && len(ix.NonKey) > 0:
		return invalidParam("ProjectionType is %s, but NonKeyAttributes is specified", ix.Projection)
	}
	for i, n := range ix.NonKey {
		if slices.Contains(ix.NonKey[:i], n) {
			return invalidParam("Duplicate element in NonKeyAttributes: %s", n)
		}
	}
	return nil
}

func (t *Table) checkCounts(update bool) error {
	local, global, nonKey := 0, 0, 0
	for _, ix := range t.Indexes {
		if ix.Global {
			global++
		} else {
			local++
		}
		nonKey += len(ix.NonKey)
	}
	switch {
	case local > maxLSI:
		return invalidParam("Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLSI)
	case global > maxGSI && update:
		return limitExceeded("Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of %d", maxGSI)
	case global > maxGSI:
		return invalidParam("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGSI)
	case nonKey > maxNonKey:
		return invalidParam("Number of NonKeyAttributes exceeds the per-table limit of %d", maxNonKey)
	}
	return nil
}

// inBounds refuses throughput that no table can have; index is "" for the table itself.
func inBounds(pt *types.ProvisionedThroughput, index string) error {
	if pt == nil {
		return nil
	}
	tail := "for table"
	if index != "" {
		tail = "for index " + index
	}
	for _, m := range []struct {
		name string
		v    int64
	}{{"ReadCapacityUnits", *pt.ReadCapacityUnits}, {"WriteCapacityUnits", *pt.WriteCapacityUnits}} {
		if m.v > maxUnits {
			return validation("Given value %d for %s is out of bounds %s", m.v, m.name, tail)
		}
	}
	return nil
}

func (t *Table) indexThroughput(ix *Index, in indexInput) error {
	if err := inBounds(in.prov, ix.Name); err != nil {
		return err
	}
	switch {
	case t.OnDemand && in.prov != nil && in.update:
		return invalidParam("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %s when BillingMode is PAY_PER_REQUEST", ix.Name)
	case t.OnDemand && in.prov != nil:
		return invalidParam("ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", ix.Name)
	case !t.OnDemand && in.prov == nil && in.update:
		return invalidParam("Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", ix.Name)
	case !t.OnDemand && in.prov == nil:
		return invalidParam("ProvisionedThroughput is not specified for index: %s", ix.Name)
	case in.prov != nil:
		ix.Provisioned = Throughput{Read: *in.prov.ReadCapacityUnits, Write: *in.prov.WriteCapacityUnits}
	}
	if err := checkMax(in.demand, t.OnDemand, ix.Name, false); err != nil {
		return err
	}
	ix.MaxOnDemand, ix.Warm = maxOf(nil, in.demand), warmOf(nil, in.warm)
	return checkWarm(t, in.warm, nil, ix.Provisioned, ix.Name, false)
}

// setBilling takes over the billing mode and the throughput of a new table.
func (t *Table) setBilling(mode types.BillingMode, pt *types.ProvisionedThroughput, now int64) error {
	if err := inBounds(pt, ""); err != nil {
		return err
	}
	if mode == types.BillingModePayPerRequest {
		if pt != nil {
			return invalidParam("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		t.OnDemand, t.BillingAt, t.Provisioned = true, now, Throughput{}
		return nil
	}
	if pt == nil {
		return invalidParam("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	t.OnDemand = false
	t.Provisioned = Throughput{Read: *pt.ReadCapacityUnits, Write: *pt.WriteCapacityUnits}
	return nil
}

func keySchemaOf(hash, sort []string) []types.KeySchemaElement {
	var out []types.KeySchemaElement
	for _, n := range hash {
		out = append(out, types.KeySchemaElement{AttributeName: awssdk.String(n), KeyType: types.KeyTypeHash})
	}
	for _, n := range sort {
		out = append(out, types.KeySchemaElement{AttributeName: awssdk.String(n), KeyType: types.KeyTypeRange})
	}
	return out
}

func (t *Table) schema() []types.KeySchemaElement {
	return keySchemaOf([]string{t.Hash}, t.keyNames()[1:])
}
