package dynamodb_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// cell is the sequential specification of one item: a value that can be read,
// written, and replaced if it is what is expected.
type cellIn struct {
	key       int
	op        string // get, put, swap
	old, next string
}

type cellOut struct {
	value string
	ok    bool
}

var cell = porcupine.Model{
	Partition: func(h []porcupine.Operation) [][]porcupine.Operation {
		by := map[int][]porcupine.Operation{}
		for _, o := range h {
			k := o.Input.(cellIn).key
			by[k] = append(by[k], o)
		}
		var out [][]porcupine.Operation
		for _, p := range by {
			out = append(out, p)
		}
		return out
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		st, in, out := state.(string), input.(cellIn), output.(cellOut)
		switch in.op {
		case "get":
			return out.value == st, st
		case "put":
			return true, in.next
		}
		if st == in.old {
			return out.ok, in.next
		}
		return !out.ok, st
	},
}

func TestSingleItemsAreLinearizable(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "cells", hash: "pk"})
	const clients, steps, items = 6, 40, 3
	var mu sync.Mutex
	var history []porcupine.Operation
	var wg sync.WaitGroup
	begin := time.Now()
	for c := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rng := rand.New(rand.NewPCG(uint64(c), 1))
			for i := range steps {
				in := cellIn{key: rng.IntN(items), op: []string{"get", "put", "swap"}[rng.IntN(3)], old: strconv.Itoa(rng.IntN(4)), next: strconv.Itoa(rng.IntN(4))}
				call := time.Since(begin).Nanoseconds()
				out, err := b.cell(t.Context(), in)
				if err != nil {
					t.Errorf("client %d step %d: %v", c, i, err)
					return
				}
				op := porcupine.Operation{ClientId: c, Input: in, Call: call, Output: out, Return: time.Since(begin).Nanoseconds()}
				mu.Lock()
				history = append(history, op)
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	if !porcupine.CheckOperations(cell, history) {
		t.Error("the history is not linearizable")
	}
}

func (b *bench) cell(ctx context.Context, in cellIn) (cellOut, error) {
	name, key := awssdk.String("cells"), obj{"pk": s(strconv.Itoa(in.key))}
	switch in.op {
	case "get":
		out, err := b.GetItem(ctx, &sdk.GetItemInput{TableName: name, Key: key})
		if err != nil {
			return cellOut{}, err
		}
		return cellOut{value: text(out.Item["v"])}, nil
	case "put":
		_, err := b.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: obj{"pk": key["pk"], "v": s(in.next)}})
		return cellOut{}, err
	}
	_, err := b.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: name, Key: key, UpdateExpression: awssdk.String("SET v = :n"), ConditionExpression: awssdk.String("v = :o"),
		ExpressionAttributeValues: obj{":n": s(in.next), ":o": s(in.old)}})
	if _, failed := errorAs[*types.ConditionalCheckFailedException](err); failed {
		return cellOut{}, nil
	}
	return cellOut{ok: err == nil}, err
}

func TestTransfersNeverCreateOrLoseMoney(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "accounts", hash: "pk", stream: "NEW_AND_OLD_IMAGES"})
	name := awssdk.String("accounts")
	const accounts, clients, transfers = 4, 4, 25
	var gets []types.TransactGetItem
	for i := range accounts {
		b.put(t, "accounts", obj{"pk": s(fmt.Sprint(i)), "money": n("100")})
		gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: name, Key: obj{"pk": s(fmt.Sprint(i))}}})
	}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rng := rand.New(rand.NewPCG(uint64(c), 2))
			for range transfers {
				from, to, much := rng.IntN(accounts), rng.IntN(accounts), n(fmt.Sprint(rng.IntN(60)))
				if from == to {
					continue
				}
				_, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
					{Update: &types.Update{TableName: name, Key: obj{"pk": s(fmt.Sprint(from))}, UpdateExpression: awssdk.String("SET money = money - :m"), ConditionExpression: awssdk.String("money >= :m"), ExpressionAttributeValues: obj{":m": much}}},
					{Update: &types.Update{TableName: name, Key: obj{"pk": s(fmt.Sprint(to))}, UpdateExpression: awssdk.String("SET money = money + :m"), ExpressionAttributeValues: obj{":m": much}}},
				}})
				if _, poor := errorAs[*types.TransactionCanceledException](err); err != nil && !poor {
					t.Error(err)
				}
				out, err := b.TransactGetItems(t.Context(), &sdk.TransactGetItemsInput{TransactItems: gets})
				if err != nil {
					t.Error(err)
					return
				}
				sum := 0
				for _, r := range out.Responses {
					v, _ := strconv.Atoi(text(r.Item["money"]))
					if v < 0 {
						t.Errorf("an account holds %d", v)
					}
					sum += v
				}
				if sum != accounts*100 {
					t.Errorf("%d in all", sum)
				}
			}
		}()
	}
	wg.Wait()
	if found := check(t, b); found != nil {
		t.Error(found)
	}
}
