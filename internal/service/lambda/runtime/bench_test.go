package runtime_test

import (
	"testing"

	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

func benchPool(b *testing.B, language string, change func(*runtime.Options)) (*runtime.Engine, *runtime.Spec) {
	b.Helper()
	opt := runtime.Options{Dir: b.TempDir(), CacheDir: cacheDir()}
	if change != nil {
		change(&opt)
	}
	e, err := runtime.New(opt)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	s := specOf(b, language)
	if s.CodeDir, err = e.Build(b.Context(), s.CodeDir, s.Runtime, s.Handler); err != nil {
		b.Fatal(err)
	}
	return e, s
}

func BenchmarkWarmInvoke(b *testing.B) {
	for _, lang := range languages {
		b.Run(lang, func(b *testing.B) {
			e, s := benchPool(b, lang, nil)
			p := e.Pool(s)
			inv := invocation(`{"do":"nothing"}`)
			inv.Tail = false
			for b.Loop() {
				if r, err := p.Invoke(b.Context(), inv); err != nil || r.FunctionError != "" {
					b.Fatal(err, r)
				}
			}
		})
	}
}

func BenchmarkWarmInvokeParallel(b *testing.B) {
	e, s := benchPool(b, "go", nil)
	p := e.Pool(s)
	b.RunParallel(func(pb *testing.PB) {
		inv := invocation(`{"do":"nothing"}`)
		inv.Tail = false
		for pb.Next() {
			if r, err := p.Invoke(b.Context(), inv); err != nil || r.FunctionError != "" {
				b.Fatal(err, r)
			}
		}
	})
}

func BenchmarkColdStart(b *testing.B) {
	for _, lang := range languages {
		b.Run(lang, func(b *testing.B) {
			e, s := benchPool(b, lang, nil)
			for b.Loop() {
				p := e.Pool(s)
				if r, err := p.Invoke(b.Context(), invocation(`{"do":"nothing"}`)); err != nil || r.FunctionError != "" {
					b.Fatal(err, r)
				}
				p.Close()
			}
		})
	}
}
