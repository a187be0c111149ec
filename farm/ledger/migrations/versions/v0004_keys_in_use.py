"""When a key was last used, its role as one of three words, and the jobs of a key found quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("api_key", sa.Column("last_used_at", sa.Float(precision=53), nullable=True))
    op.create_index("ix_api_key_name", "api_key", ["name"], unique=False)
    # Any other word meant "may submit".
    op.execute("UPDATE api_key SET role = 'artist' WHERE role NOT IN ('viewer', 'artist', 'admin')")
    op.create_index("ix_job_key_id", "job", ["key_id", "id"], unique=False)
