package train

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
)

// The choices of Recommender.Users: whose rankings an evaluation measures.
const (
	TrainedUsers = "trained" // all but those who are held out of training
	HeldUsers    = "held"    // those who are, by their histories alone
	AllUsers     = "all"
)

// UsersChoices lists the choices of Recommender.Users.
func UsersChoices() []string { return []string{TrainedUsers, HeldUsers, AllUsers} }

// CheckUsers returns an error that lists the choices of Recommender.Users unless text is
// one of them.
func CheckUsers(text string) error { return oneOf("users", text, UsersChoices()) }

// ofUsers returns the examples of the users of set that users says, "" as TrainedUsers.
func ofUsers(x *data.Examples, set *data.Dataset, users string) (*data.Examples, error) {
	users = cmp.Or(users, TrainedUsers)
	if err := CheckUsers(users); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	switch {
	case users == HeldUsers && set.Known == nil:
		return nil, fmt.Errorf("train: no user of %s is held out of training; a run with data.held=0.1 (--held 0.1) holds a tenth", set.Name)
	case users == AllUsers || set.Known == nil:
		return x, nil
	}
	user, err := x.Context.Field("user")
	if err != nil {
		return nil, errors.Join(errors.New("train: which users are held out of training is not known of contexts without one"), err)
	}
	return x.Only(func(row int32) bool {
		u := user.One(int(row))
		return u >= 0 && set.IsHeld(int(u)) == (users == HeldUsers)
	}), nil
}
