package iam

import (
	"reflect"
	"strings"
)

// dynamodb tells the tables and indexes an operation touches. Batches and
// transactions are allowed or denied by each table they name.
func (a *asker) dynamodb(operation string, in any) []Access {
	if tables := a.batches(operation, in); len(tables) > 0 {
		return tables
	}
	arn, ok := a.named("dynamodb", "table/", "ResourceArn", "TableArn", "TableName")
	if ok {
		if index := a.fields["IndexName"]; index != "" {
			arn += "/index/" + index
		}
		return []Access{{Action: "dynamodb:" + operation, Resource: arn}}
	}
	return []Access{{Action: "dynamodb:" + operation, Resource: "*"}}
}

// transactActions are the permissions behind the members of a transaction's item.
var transactActions = map[string]string{
	"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem",
}

// batches finds the tables of RequestItems and TransactItems.
func (a *asker) batches(operation string, in any) []Access {
	v := reflect.Indirect(reflect.ValueOf(in))
	if v.Kind() != reflect.Struct {
		return nil
	}
	var out []Access
	add := func(action, table string) {
		if !strings.HasPrefix(table, "arn:") {
			table = a.arn("dynamodb", "table/"+table)
		}
		out = append(out, Access{Action: "dynamodb:" + action, Resource: table})
	}
	if items := v.FieldByName("RequestItems"); items.IsValid() && items.Kind() == reflect.Map {
		for _, key := range items.MapKeys() {
			add(operation, key.String())
		}
	}
	if items := v.FieldByName("TransactItems"); items.IsValid() && items.Kind() == reflect.Slice {
		for i := range items.Len() {
			item := reflect.Indirect(items.Index(i))
			for member, action := range transactActions {
				one := item.FieldByName(member)
				if !one.IsValid() || one.Kind() != reflect.Pointer || one.IsNil() {
					continue
				}
				if table := reflect.Indirect(one.Elem().FieldByName("TableName")); table.IsValid() && table.Kind() == reflect.String {
					add(action, table.String())
				}
			}
		}
	}
	return out
}
