package template

import (
	"math/big"
	"net/netip"
	"strconv"
)

// MaxCidrs is the number of blocks Fn::Cidr may make.
const MaxCidrs = 256

// cidr evaluates Fn::Cidr: count blocks of the given size cut from one block.
func cidr(at, arg *Node) (*Node, error) {
	fail := func(reason string) (*Node, error) {
		return nil, Errorf(at, "", "Template error: Fn::Cidr: "+reason, "write [block, count (1 to 256), bits]")
	}
	if arg.Kind != List || len(arg.Items) < 2 {
		return fail("needs a block and a count")
	}
	block, err := netip.ParsePrefix(arg.Items[0].Text())
	if err != nil {
		return fail("'" + arg.Items[0].Text() + "' is not a block of addresses")
	}
	count, err := strconv.Atoi(arg.Items[1].Text())
	if err != nil || count < 1 || count > MaxCidrs {
		return fail("the count must be 1 to 256")
	}
	total := block.Addr().BitLen()
	bits := 8
	if total == 128 {
		bits = 64
	}
	if len(arg.Items) == 3 {
		if bits, err = strconv.Atoi(arg.Items[2].Text()); err != nil || bits < 1 || bits > total {
			return fail("the number of bits is out of range")
		}
	}
	room := total - bits - block.Bits()
	if room < 0 || room < 9 && count > 1<<room {
		return fail("the block is too small for that many")
	}
	base := new(big.Int).SetBytes(block.Masked().Addr().AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	out := L()
	for range count {
		raw := base.FillBytes(make([]byte, total/8))
		addr, _ := netip.AddrFromSlice(raw)
		out.Items = append(out.Items, Str(netip.PrefixFrom(addr, total-bits).String()))
		base = new(big.Int).Add(base, step)
	}
	return out, nil
}
