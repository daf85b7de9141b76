// Command serve answers over HTTP by what a run folder holds, and by that alone.
//
//	serve                      trains a small model on a generated set first
//	serve RUN                  loads what fenchel train left there, whatever the model
//	serve -addr :8080 RUN      elsewhere than at 127.0.0.1:8080
//	serve -load 10s [RUN]      asks itself over loopback and prints requests a second
//
// A request names whom it is for, and its answer is JSON:
//
//	/recommend?user=ID&k=10                     a user of the data
//	/recommend?history=ID&history=ID            somebody unknown, by what he or she had
//	/recommend?feature=age=25&feature=town=Ulm  somebody unknown, by features that the model reads
//	/recommend?user=ID&seen=true                what he or she had among them
//	/similar?item=ID&k=10                       items alike
//	/health                                     which run answers
//
// SIGHUP loads the folder again, and requests go on meanwhile; SIGINT and SIGTERM let those under
// way end first.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		stop()
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen")
	load := flags.Duration("load", 0, "how long to ask oneself over loopback, in place of serving")
	clients := flags.Int("clients", 8, "how many ask at once under -load")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) { // it is printed
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 1 || *clients < 1 {
		return errors.New("serve: want one run folder, or none, and at least one client")
	}
	s := newService()
	open := func() error { return s.live.Reload(flags.Arg(0)) }
	if flags.NArg() == 0 {
		open = func() error { return s.trainSmall(ctx) }
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP) // before the first load, in which one would end the program
	defer signal.Stop(again)
	if err := open(); err != nil {
		return err
	}
	if *load > 0 {
		return measure(ctx, s, *clients, *load, out)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "serving at http://%s\n", l.Addr())
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-again:
				if err := open(); err != nil { // the run before goes on
					log.Print(err)
				}
			}
		}
	}()
	return serve(ctx, l, s.handler())
}

// serve answers at l until ctx ends, and then what is under way.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 16, // a history of some thousand items
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(soon)
}

// trainSmall puts a model of a generated set in place.
func (s *service) trainSmall(ctx context.Context) error {
	cfg := train.Config{
		Data:  train.DataConfig{Source: "demo:users=1000,items=500"},
		Model: train.ModelConfig{Name: "pool", Dim: 32},
		Train: train.TrainConfig{Epochs: 10},
		Eval:  train.EvalConfig{Every: 10},
	}
	set, err := data.Load(cfg.Data.Config())
	if err != nil {
		return err
	}
	res, err := train.Run(ctx, cfg, set, nil)
	if err != nil {
		return err
	}
	server, err := res.Trained.Serve(set)
	if err == nil {
		s.live.Swap(server)
	}
	return err
}
