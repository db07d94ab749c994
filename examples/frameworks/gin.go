package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/openid-client/openid/login"
)

// withGin: gin's chain goes on inside of the middleware, with the request that knows the user.
func withGin(web *login.Handler) http.Handler {
	r := gin.New()
	r.Any("/auth/*path", gin.WrapH(web))
	r.GET("/orders/:id", ginMiddleware(web.Require), func(c *gin.Context) {
		_, subject := login.UserFrom(c.Request.Context()).Subject()
		c.String(http.StatusOK, "%s %s", subject, c.Param("id"))
	})
	return r
}

func ginMiddleware(middleware func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		through := false
		middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			through = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !through {
			c.Abort()
		}
	}
}
