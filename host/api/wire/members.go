package wire

// MemberSet is the body of PUT apps/{app}/members/{user}.
type MemberSet struct {
	Role string `json:"role" enum:"app_admin,editor,viewer" doc:"What the user may do in the app"`
}

// Member is a user's place in an app.
type Member struct {
	UserID   string `json:"user_id"`
	Username string `json:"username"`
	Role     string `json:"role" enum:"app_admin,editor,viewer"`
}
