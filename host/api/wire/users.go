package wire

import (
	"time"
)

// User is a person.
type User struct {
	ID              string     `json:"id" doc:"UUIDv7"`
	Username        string     `json:"username"`
	Role            string     `json:"role" enum:"owner,admin,member"`
	State           string     `json:"state" enum:"active,invited,deactivated" doc:"invited: nobody has set a password yet"`
	SecondFactor    bool       `json:"second_factor" doc:"A login needs a code"`
	DeactivatedAt   *time.Time `json:"deactivated_at,omitempty"`
	CreatedAt       time.Time  `json:"created_at"`
	UpdatedAt       time.Time  `json:"updated_at"`
	InviteURL       string     `json:"invite_url,omitempty" doc:"Lets whoever has it set the password, once, as with picloud password accept: answered when it is made, and never again"`
	InviteExpiresAt *time.Time `json:"invite_expires_at,omitempty"`
}

// UserCreate is the body of POST users.
type UserCreate struct {
	Username string  `json:"username" minLength:"1" maxLength:"128" doc:"Unique, whatever the case"`
	Password *string `json:"password,omitempty" doc:"When absent the answer has an invite_url"`
	Role     string  `json:"role" enum:"owner,admin,member" doc:"None that has more than yours"`
}

// UserUpdate is the body of PATCH users/{id}; absent fields stay as they are.
type UserUpdate struct {
	Username *string `json:"username,omitempty" minLength:"1" maxLength:"128"`
	Role     *string `json:"role,omitempty" enum:"owner,admin,member"`
}

// PasswordReset is the body of POST users/{id}:reset-password.
type PasswordReset struct {
	Password *string `json:"password,omitempty" doc:"When absent the user has none until the invite_url of the answer was used"`
}

// InviteAccept is the body of POST auth/invite.
type InviteAccept struct {
	Token    string `json:"token" minLength:"1" maxLength:"128" doc:"What follows the # of an invite_url"`
	Password string `json:"password"`
}

// InviteAccepted answers it.
type InviteAccepted struct {
	Username string `json:"username" doc:"To log in as"`
}
