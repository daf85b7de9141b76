package train_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// A handler answers with the items of a user: /recommend?user=ann.
func ExampleServer() {
	cfg := train.Config{Model: train.ModelConfig{Name: "pop"}}
	e := data.Events{Train: []data.Event{{User: "ann", Item: "tea"}, {User: "bob", Item: "tea"}, {User: "bob", Item: "ale"}, {User: "cem", Item: "ale"}, {User: "cem", Item: "tea"}}}
	set, err := data.FromEvents(e, "ratio:1,0,0")
	if err != nil {
		log.Fatal(err)
	}
	result, err := train.Run(context.Background(), cfg, set, nil)
	if err != nil {
		log.Fatal(err)
	}
	server, err := result.Trained.Serve(set) // or train.OpenRecommender(folder)
	if err != nil {
		log.Fatal(err)
	}

	http.HandleFunc("/recommend", func(w http.ResponseWriter, r *http.Request) {
		items, err := server.Recommend(r.Context(), train.Ask{User: r.FormValue("user")}, 10, train.Filter{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(items)
	})
	// In a program of your own: log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))

	local := httptest.NewServer(http.DefaultServeMux)
	defer local.Close()
	for _, user := range []string{"ann", "zoe"} {
		response, err := http.Get(local.URL + "/recommend?user=" + user)
		if err != nil {
			log.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(response.StatusCode, " ", string(text))
	}
	// Output:
	// 200 [{"id":"ale","index":0,"score":2}]
	// 404 train: data: no user "zoe"; ids run from "ann" to "cem"
}
