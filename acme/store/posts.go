package store

import (
	"context"
	"time"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

const postColumns = `
	p.id, p.sub, p.title, p.body, p.published, p.created_at,
	(SELECT json_group_array(name) FROM (SELECT name FROM post_pictures WHERE post_id = p.id ORDER BY position)),
	(SELECT json_group_array(alt) FROM (SELECT alt FROM post_pictures WHERE post_id = p.id ORDER BY position))`

func scanPost(scan func(...any) error) (p travel.Post, err error) {
	var created int64
	err = scan(&p.ID, &p.Sub, &p.Title, &p.Body, &p.Published, &created, scanList(&p.Pictures), scanList(&p.Alts))
	p.CreatedAt = time.Unix(created, 0).UTC()
	return p, err
}

// Posts returns a person's posts, unpublished ones too, newest first.
func (s *Store) Posts(ctx context.Context, sub string) ([]travel.Post, error) {
	rows, err := s.db.Query(ctx, `SELECT`+postColumns+` FROM posts p WHERE p.sub = ? ORDER BY p.created_at DESC, p.rowid DESC`, sub)
	return collect(rows, err, scanPost)
}

// Post returns one of a person's posts. Somebody else's is travel.ErrNotFound:
// the owner stands in the query, so that no caller can forget to ask.
func (s *Store) Post(ctx context.Context, sub, id string) (travel.Post, error) {
	p, err := scanPost(s.db.QueryRow(ctx, `SELECT`+postColumns+` FROM posts p WHERE p.sub = ? AND p.id = ?`, sub, id).Scan)
	return p, notFound(err)
}

// CreatePost writes a new post.
func (s *Store) CreatePost(ctx context.Context, sub string, d travel.Draft) (travel.Post, error) {
	d, err := d.Validate()
	if err != nil {
		return travel.Post{}, err
	}
	id, err := s.newID("po-")
	if err != nil {
		return travel.Post{}, err
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO posts (id, sub, title, body, published, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
			id, sub, d.Title, d.Body, d.Published, s.now().Unix())
		return err
	})
	if err != nil {
		return travel.Post{}, err
	}
	return s.Post(ctx, sub, id)
}

// UpdatePost changes a person's own post, publishing it included.
func (s *Store) UpdatePost(ctx context.Context, sub, id string, d travel.Draft) (travel.Post, error) {
	d, err := d.Validate()
	if err != nil {
		return travel.Post{}, err
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var updated string
		return notFound(tx.QueryRow(ctx, `UPDATE posts SET title = ?, body = ?, published = ? WHERE sub = ? AND id = ? RETURNING id`,
			d.Title, d.Body, d.Published, sub, id).Scan(&updated))
	})
	if err != nil {
		return travel.Post{}, err
	}
	return s.Post(ctx, sub, id)
}

// DeletePost deletes a person's own post with its pictures.
func (s *Store) DeletePost(ctx context.Context, sub, id string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var deleted string
		return notFound(tx.QueryRow(ctx, `DELETE FROM posts WHERE sub = ? AND id = ? RETURNING id`, sub, id).Scan(&deleted))
	})
}

// How much there may be: pictures of a post, and bytes of all pictures of a person.
const (
	maxPictures      = 10
	maxPictureMemory = 25 << 20
)

// AddPicture puts a picture that DecodePicture made at the end of a person's
// own post. The same picture again changes what it is said to show.
func (s *Store) AddPicture(ctx context.Context, sub, postID string, p travel.Picture) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var pictures, last int
		err := tx.QueryRow(ctx, `
			SELECT COUNT(x.name), COALESCE(MAX(x.position), 0) FROM posts p LEFT JOIN post_pictures x ON x.post_id = p.id
			WHERE p.sub = ? AND p.id = ? GROUP BY p.id`, sub, postID).Scan(&pictures, &last)
		if err != nil {
			return notFound(err)
		}
		if pictures >= maxPictures {
			return travel.Invalid{{Field: "picture", Detail: "is one too many: a post has ten at most"}}
		}
		var bytes int
		err = tx.QueryRow(ctx, `SELECT COALESCE(SUM(LENGTH(x.data)), 0) FROM posts p JOIN post_pictures x ON x.post_id = p.id WHERE p.sub = ?`, sub).Scan(&bytes)
		if err != nil {
			return err
		}
		if bytes+len(p.Data) > maxPictureMemory {
			return travel.Invalid{{Field: "picture", Detail: "does not fit: your pictures may take 25 MB together. Remove one first"}}
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO post_pictures (post_id, name, position, content_type, data, alt) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (post_id, name) DO UPDATE SET alt = excluded.alt`,
			postID, p.Name, last+1, p.ContentType, p.Data, p.Alt)
		return err
	})
}

// RemovePicture takes a picture out of a person's own post.
func (s *Store) RemovePicture(ctx context.Context, sub, postID, name string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var removed string
		return notFound(tx.QueryRow(ctx, `
			DELETE FROM post_pictures WHERE name = ? AND post_id = (SELECT id FROM posts WHERE sub = ? AND id = ?) RETURNING name`,
			name, sub, postID).Scan(&removed))
	})
}

// Picture returns a picture of a person's own post. Without data it is art
// below /static/art.
func (s *Store) Picture(ctx context.Context, sub, postID, name string) (travel.Picture, error) {
	return s.picture(ctx, `p.sub = ?`, sub, postID, name)
}

// StoryPicture returns a picture of a published post.
func (s *Store) StoryPicture(ctx context.Context, postID, name string) (travel.Picture, error) {
	return s.picture(ctx, `p.published = ?`, true, postID, name)
}

func (s *Store) picture(ctx context.Context, mayRead string, who any, postID, name string) (travel.Picture, error) {
	p := travel.Picture{Name: name}
	err := s.db.QueryRow(ctx, `SELECT x.content_type, x.data FROM posts p JOIN post_pictures x ON x.post_id = p.id WHERE `+mayRead+` AND p.id = ? AND x.name = ?`,
		who, postID, name).Scan(&p.ContentType, &p.Data)
	return p, notFound(err)
}

const selectStory = `
	SELECT COALESCE(a.name, ''), COALESCE(a.picture, ''),` + postColumns + `
	FROM posts p LEFT JOIN profiles a ON a.sub = p.sub WHERE p.published = 1 `

func scanStory(scan func(...any) error) (story travel.Story, err error) {
	story.Post, err = scanPost(func(into ...any) error {
		return scan(append([]any{&story.Author, &story.AuthorPicture}, into...)...)
	})
	return story, err
}

// Stories returns the newest n published posts.
func (s *Store) Stories(ctx context.Context, n int) ([]travel.Story, error) {
	rows, err := s.db.Query(ctx, selectStory+`ORDER BY p.created_at DESC, p.rowid DESC LIMIT ?`, n)
	return collect(rows, err, scanStory)
}

// Story returns one published post.
func (s *Store) Story(ctx context.Context, id string) (travel.Story, error) {
	story, err := scanStory(s.db.QueryRow(ctx, selectStory+`AND p.id = ?`, id).Scan)
	return story, notFound(err)
}
