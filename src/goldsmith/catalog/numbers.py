"""Numbers of versions: the day and a count, ``20260131.2``; each is given out once."""

from goldsmith.catalog import index
from goldsmith.catalog.database import Database
from goldsmith.catalog.entry import RECIPE, VERSION, Query


def next_version(database: Database, recipe: str) -> str:
    """Take the next number of today (UTC) for a recipe; two processes never get the same one."""
    day = index.now().strftime("%Y%m%d")
    with database.writing() as session:
        given = session.rows(
            "SELECT MAX(number) AS number FROM versions WHERE recipe = :recipe AND day = :day",
            recipe=recipe,
            day=day,
        )
        numbers = [int(row["number"]) for row in given if isinstance(row["number"], int)]
        # Images of before there was a table of versions, or that were brought in from elsewhere.
        images = index.select(session, Query(properties={RECIPE: recipe}, hidden=True, deleted=True))
        for image in images:
            their_day, _, theirs = image.properties.get(VERSION, "").partition(".")
            if their_day == day and theirs.isdigit():
                numbers.append(int(theirs))
        number = max(numbers, default=0) + 1
        session.run(
            "INSERT INTO versions (recipe, day, number) VALUES (:recipe, :day, :number)",
            recipe=recipe,
            day=day,
            number=number,
        )
    return f"{day}.{number}"
