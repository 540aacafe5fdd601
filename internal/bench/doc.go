// Package bench measures a server the way its users meet it: over real sockets,
// with signed requests, each reply checked and the data read back afterwards.
//
// # How a figure is made
//
//	generator (this process)          servers (processes of their own)
//	  requests built and signed  ───►  leat up      replies checked
//	  before the clock starts    ───►  bare         net/http: reads the same body,
//	                                                answers as many bytes as Leat does
//
// Leat and the bare server take turns within a figure, a slice of a second or so each, so that
// a machine that is busy with something else slows both. The ratio of the two is
// what can be compared between machines; absolute rates wander. The processor time of a
// call is the server's own, read from /proc around the slices that measure it.
//
// An ordinary SDK client costs more than the calls it makes, so the generator is
// a keep-alive socket and a small HTTP/1.1 client of its own (Conn). A worker has
// a ring of different requests and goes round in it; what must be found afterwards
// follows from how often it went round.
package bench
