"""A made-up Moodle site whose whole history is known.

Each thing that happens is written twice: as Moodle stores it, where the present
overwrites the past, and as a row of the tidy tables that `make_event_table` takes.
"""

from collections import defaultdict
from random import Random

import pandas as pd

from edml.feature_extraction import FeatureEngineer
from edml.sources import make_event_table
from moodle_schema import SCHEMA, fill

DAY = 86_400
START = 1_707_091_200  # 5 February 2024, 00:00 UTC
STUDENT, TEACHER, EDITOR = 5, 4, 3  # roles
COMPONENTS = [  # and their kinds
    ("mod_forum", "forum"),
    ("mod_quiz", "quiz"),
    ("assignsubmission_file", "assign"),
    ("core", "course"),
    ("gradereport_user", "other"),
]
METHODS = {"highest": 1, "average": 2, "first": 3, "last": 4}


class Site:
    """A site, and the truth about it.

    With ``history=False`` Moodle kept no history of grades, and the truth is what is
    left of it: the last value, from the day of its last change on.
    """

    def __init__(self, seed=0, *, history=True, n_students=14):
        self.random = Random(seed)  # noqa: S311
        self.history = history
        self.rows = {name: [] for name in SCHEMA}
        self.truth = defaultdict(list)
        self.students = {}  # of a course, with the last day of each
        self.dues = {}
        self.pending_exams = []
        self.changes = []  # of grades; applied in the order of time
        self.ids = dict.fromkeys(SCHEMA, 0)
        for role, (id_, archetype) in enumerate(
            [(STUDENT, "student"), (TEACHER, "teacher"), (EDITOR, "editingteacher")]
        ):
            name = ["Alumno", "", "Docente"][role]
            self.add(
                "role", id=id_, shortname=f"r{id_}", name=name, archetype=archetype
            )
        for id_, name in ((1, "assign"), (2, "forum"), (3, "quiz")):
            self.add("modules", id=id_, name=name)
        self.until = START + 120 * DAY
        self.add("user", id=900, username="x", lastaccess=self.until)
        self.contexts = {}
        for course in (11, 12, 13):
            self.make_course(course, n_students, over=course != 13)
        for course in (11, 12, 13):
            self.fill_course(course)
        self.browse()
        self.finish()

    def add(self, table, **row):
        self.ids[table] = max(self.ids[table] + 1, row.get("id", 0))
        row = fill(table, {"id": self.ids[table]} | row)
        self.rows[table].append(row)
        return row["id"]

    # -- people ---------------------------------------------------------------------

    def make_course(self, course, n_students, *, over):
        self.start = START + course * 3600
        end = self.start + 110 * DAY
        if not over:  # it has no end, or one in the future
            end = self.random.choice([0, self.start + 200 * DAY])
        name = f"Course, number {course}"
        self.add(
            "course",
            id=course,
            category=1,
            fullname=name,
            shortname=f"C{course}",
            startdate=self.start,
            enddate=end,
        )
        self.contexts[course] = self.add(
            "context", id=500 + 10 * course, contextlevel=50, instanceid=course
        )
        # the same number of a category is another context
        self.add("context", contextlevel=40, instanceid=course)
        manual = self.add("enrol", enrol="manual", courseid=course, roleid=STUDENT)
        free = self.add("enrol", enrol="self", courseid=course, roleid=STUDENT)
        closed = self.add("enrol", enrol="cohort", status=1, courseid=course)
        groups = [self.add("groups", courseid=course) for _ in range(3)]
        for group in groups[:2]:
            self.add("groupings_groups", groupingid=70 + course, groupid=group)
        self.students[course] = {}
        for place in range(n_students):
            student = 1000 + 7 * (course - 11) + place
            begun, left, known = 0, 0, self.start - 20 * DAY
            if place == 1:  # comes late
                begun = self.start + 50 * DAY + 5
            if place == 2:  # leaves early
                left = self.start + 60 * DAY + 7
            if place == 3:  # leaves too, and was suspended by another method later
                left = self.start + 50 * DAY
                self.enrol(free, student, known, suspended=self.start + 70 * DAY)
            if place == 5:  # was enrolled late
                known = self.start + 6 * DAY + 3
            self.enrol(manual, student, known, begun, left)
            if place == 4:
                self.rows["user_enrolments"].pop()
                left = self.start + 35 * DAY + 9
                self.enrol(manual, student, known, suspended=left)
            self.hold(course, student, STUDENT)
            if not any(one["id"] == student for one in self.rows["user"]):
                self.add("user", id=student, username="x", idnumber=f"00{student}")
            ends = [one for one in (end, left) if one]
            last = min(ends) if ends else 0
            self.students[course][student] = last
            self.truth["enrolments"].append(
                {
                    "student": student,
                    "course": course,
                    "start": self.start,
                    "joined": begun or known,
                    "end": last or None,
                    "course_name": name,
                    "student_number": f"00{student}",
                }
            )
            for group in self.random.sample(groups, self.random.choice([0, 1, 1, 2])):
                self.add("groups_members", groupid=group, userid=student)
        # who is no student of this course
        self.enrol(manual, 900, self.start)
        self.hold(course, 900, EDITOR)
        self.enrol(manual, 901, self.start)
        self.enrol(closed, 902, self.start)
        self.hold(course, 902, STUDENT)

    def enrol(self, method, user, known, begun=0, left=0, suspended=0):
        self.add(
            "user_enrolments",
            status=int(suspended > 0),
            enrolid=method,
            userid=user,
            timestart=begun,
            timeend=left,
            timecreated=known,
            timemodified=suspended or known,
        )

    def hold(self, course, user, role):
        self.add(
            "role_assignments",
            roleid=role,
            contextid=self.contexts[course],
            userid=user,
        )

    def groups_of(self, student, course, grouping=None):
        of_course = [
            one["id"] for one in self.rows["groups"] if one["courseid"] == course
        ]
        if grouping:
            of_course = [
                one["groupid"]
                for one in self.rows["groupings_groups"]
                if one["groupingid"] == grouping
            ]
        return [
            one["groupid"]
            for one in self.rows["groups_members"]
            if one["userid"] == student and one["groupid"] in of_course
        ]

    # -- work -----------------------------------------------------------------------

    def assign(
        self, course, name, due=None, *, grade=100, item=None, place=None, **more
    ):
        row = {
            "course": course,
            "name": name,
            "duedate": due or 0,
            "allowsubmissionsfromdate": due - 10 * DAY if due else 0,
            "cutoffdate": due + 5 * DAY if due else 0,
            "grade": grade,
        } | more
        id_ = self.add("assign", **row)
        kind = {"gradetype": 1, "grademax": grade}
        if grade < 0:
            kind = {"gradetype": 2, "grademax": 4, "grademin": 1, "scaleid": -grade}
        if grade == 0:
            kind = {"gradetype": 0, "grademax": 100}
        return self.place(course, name, "assign", id_, kind | (item or {}), place, row)

    def quiz(self, course, name, close=None, *, method="highest", grade=10, total=20):
        row = {
            "course": course,
            "name": name,
            "timeopen": close - 3 * DAY if close else 0,
            "timeclose": close or 0,
            "grademethod": METHODS[method],
            "sumgrades": total,
            "grade": grade,
            "timecreated": self.start_of(course) - 30 * DAY,
        }
        id_ = self.add("quiz", **row)
        kind = {"gradetype": 1, "grademax": grade}
        return self.place(course, name, "quiz", id_, kind, None, row)

    def place(self, course, name, module, instance, kind, place, row):
        self.add(
            "course_modules",
            course=course,
            module={"assign": 1, "quiz": 3}[module],
            instance=instance,
            **({"visible": 1} | (place or {})),
        )
        shared = {
            "courseid": course,
            "itemname": name,
            "itemtype": "mod",
            "itemmodule": module,
            "iteminstance": instance,
        }
        # an outcome, which is no grade of the work
        self.add("grade_items", itemnumber=1000, gradetype=2, grademax=3, **shared)
        item = self.add("grade_items", itemnumber=0, **shared, **kind)
        work = {
            "course": course,
            "name": name,
            "module": module,
            "id": instance,
            "key": f"{module}-{instance}",
            "item": item,
            "low": kind.get("grademin", 0),
            "high": kind["grademax"] if kind["gradetype"] else None,
            "row": row,
            "created": row.get("timecreated"),
        }
        dates = (
            ("allowsubmissionsfromdate", "duedate", "cutoffdate")
            if module == "assign"
            else ("timeopen", "timeclose", "timeclose")
        )
        given = [row[date] for date in dates]
        self.dues[work["key"]] = {s: list(given) for s in self.students[course]}
        return work

    def start_of(self, course):
        return START + course * 3600

    def set_dates(self, work, student, *, unlock=None, due=None, lock=None):
        """Write down a student's own dates, 0 for no date."""
        dates = self.dues[work["key"]].get(student)
        if dates:
            for place, date in enumerate((unlock, due, lock)):
                dates[place] = dates[place] if date is None else date

    # -- what students do -----------------------------------------------------------

    def hand_in(self, work, student, when, *, attempt=0, status="submitted", latest=1):
        self.add(
            "assign_submission",
            assignment=work["id"],
            userid=student,
            timecreated=when - 100,
            timemodified=when,
            status=status,
            attemptnumber=attempt,
            latest=latest,
        )
        if status == "submitted":
            self.tell(work, student, submitted=when)

    def tell(self, work, student, **row):
        """Write down what happened."""
        if student in self.students[work["course"]]:
            self.truth["events"].append({"work": work, "student": student} | row)

    def score(self, work, grade):
        if work["high"] is None or grade is None:
            return None
        return 100 * (grade - work["low"]) / (work["high"] - work["low"])

    def grade(self, work, student, versions, *, attempts=False, **present):
        """Grade an assignment; ``versions`` are (date, grade).

        With ``attempts`` each version belongs to another attempt.
        """
        kept = {}
        for attempt, (when, grade) in enumerate(versions):
            kept[attempt if attempts else 0] = (when, grade)
        for attempt, (when, grade) in kept.items():
            self.add(
                "assign_grades",
                assignment=work["id"],
                userid=student,
                timecreated=versions[0][0],
                timemodified=when,
                grader=900,
                grade=grade,
                attemptnumber=attempt,
            )
        self.to_gradebook(work, student, versions, **present)
        left = versions if self.history else list(kept.values())
        for when, grade in left:
            self.tell(work, student, graded=when, score=self.score(work, grade))

    def to_gradebook(self, work, student, versions, **present):
        when, grade = versions[-1]
        oldid = self.add(
            "grade_grades",
            itemid=work["item"],
            userid=student,
            rawgrade=grade,
            finalgrade=grade,
            timecreated=None,
            timemodified=when + 2 * DAY if "overridden" in present else when,
            **present,
        )
        for place, (at, value) in enumerate(versions):
            self.log(oldid, at, value, raw=value, action=1 if place == 0 else 2)

    def log(self, oldid, when, grade, *, raw=None, action=2, hidden=0):
        """Write to the history of grades, first without the final grade, as Moodle."""
        if not self.history:
            return
        row = next(one for one in self.rows["grade_grades"] if one["id"] == oldid)
        shared = {
            "oldid": oldid,
            "timemodified": when,
            "itemid": row["itemid"],
            "userid": row["userid"],
            "rawgrade": raw,
            "hidden": hidden,
        }
        before = [
            one["finalgrade"]
            for one in self.rows["grade_grades_history"]
            if one["oldid"] == oldid
        ]
        last = before[-1] if before else None
        if raw is not None:
            self.add("grade_grades_history", action=action, finalgrade=last, **shared)
            action = 2
        self.add("grade_grades_history", action=action, finalgrade=grade, **shared)

    def take_quiz(self, work, student, attempts, *, override=None):
        """Attempt a quiz; ``attempts`` are (end, sum of grades), graded at once."""
        method = next(
            name for name, code in METHODS.items() if code == work["row"]["grademethod"]
        )
        total, grade = work["row"]["sumgrades"], work["row"]["grade"]
        sums, versions = [], []
        for number, (end, points) in enumerate(attempts, start=1):
            self.add(
                "quiz_attempts",
                quiz=work["id"],
                userid=student,
                attempt=number,
                state="finished",
                timestart=end - 1200,
                timefinish=end,
                timemodified=end,
                sumgrades=points,
            )
            self.tell(work, student, submitted=end)
            if points is None:  # a teacher has to read the answers
                continue
            sums.append(points)
            best = {
                "highest": max(sums),
                "average": sum(sums) / len(sums),
                "first": sums[0],
                "last": sums[-1],
            }[method]
            value = best / total * grade
            if not versions or versions[-1][1] != value:
                versions.append((end, value))
        if self.history:  # the gradebook rounds
            versions = [(when, round(value, 5)) for when, value in versions]
        if not versions:
            return
        self.add(
            "quiz_grades",
            quiz=work["id"],
            userid=student,
            grade=versions[-1][1],
            timemodified=versions[-1][0],
        )
        present = {}
        if override:
            versions.append(override)
            present = {"overridden": override[0]}
        self.to_gradebook(work, student, versions, **present)
        for when, value in versions:
            self.tell(work, student, graded=when, score=self.score(work, value))

    def browse(self, n_lines=1500):
        """Write a log of what students did, and of what does not count."""
        random = Random(8)  # noqa: S311 - what else happens stays as it is
        for _ in range(n_lines):
            course = random.choice([11, 12, 13, 1, None])
            people = [900, 901, 902, 0, *self.students.get(course, {900: 0})]
            user = random.choice(people)
            when = START + random.randrange(-10 * DAY, 115 * DAY)
            component, kind = random.choice(COMPONENTS)
            line = {
                "userid": user,
                "courseid": course,
                "component": component,
                "timecreated": when,
                "origin": random.choice(["web", "web", "ws", None, "cli", "restore"]),
                "realuserid": random.choice([None, None, None, 0, 900]),
                "anonymous": random.choice([0, 0, 0, 1]),
                "relateduserid": random.choice([None, 1003]),
                "other": 'a:1:{s:4:"name";s:5:"a,\n b";}',
            }
            self.add("logstore_standard_log", **line)
            counts = (
                line["origin"] in ("web", "ws", None)
                and not line["realuserid"]
                and not line["anonymous"]
                and user in self.students.get(course, {})
            )
            if counts:
                row = {"student": user, "course": course, "date": when, "kind": kind}
                self.truth["activity"].append(row)

    # -- a whole course -------------------------------------------------------------

    def fill_course(self, course):
        start, random = self.start_of(course), self.random
        people = list(self.students[course])

        def day(number, seconds=None):
            return (
                start + number * DAY + (random.randrange(DAY) if seconds is None else 0)
            )

        def some(share):
            return [one for one in people if random.random() < share]

        def mark(high=100):
            return random.randrange(0, 2 * high + 1) / 2

        # an ordinary assignment, graded again for some; overrides and extensions
        essay = self.assign(course, "Essay", day(20, 0))
        for student in some(0.8):
            self.hand_in(essay, student, day(random.randrange(12, 25)))
            versions = [(day(27), mark()), (day(33), mark()), (day(41), mark())]
            self.grade(essay, student, versions[: random.randrange(1, 4)])
        self.override_dates(essay, course, day)
        # the same name again, and no dates
        self.assign(course, "Essay")
        notes = self.assign(course, "Reading notes", grade=20)
        for student in some(0.5):
            self.hand_in(notes, student, day(random.randrange(3, 60)))
            if random.random() < 0.7:
                self.grade(notes, student, [(day(61), mark(20))])
        # attempts that are reopened, drafts, and what was only begun
        project = self.assign(
            course, "Project", day(50, 0), grade=50, attemptreopenmethod="manual"
        )
        for student in people:
            what = random.choice(["draft", "new", "once", "again", "reopened", ""])
            if what in ("draft", "new"):
                self.hand_in(project, student, day(44), status=what)
            elif what:
                first = day(45)
                self.hand_in(project, student, first, latest=int(what == "once"))
                versions = [(day(51), mark(50))]
                if what == "again":
                    self.hand_in(project, student, day(55), attempt=1)
                    versions.append((day(58), mark(50)))
                if what == "reopened":
                    self.hand_in(
                        project, student, day(55), attempt=1, status="reopened"
                    )
                self.grade(project, student, versions, attempts=True)
        self.hand_in(project, 900, day(40))  # a teacher tries it out
        self.fill_teams(course, day, mark)
        self.fill_grading(course, day, some, mark)
        self.fill_quizzes(course, day, some, random)
        self.fill_exams(course, day, some, mark)

    def override_dates(self, work, course, day):
        """Override the dates of groups and students, and extend some."""
        people = list(self.students[course])
        groups = [one["id"] for one in self.rows["groups"] if one["courseid"] == course]
        ranks = {
            groups[0]: (2, day(24, 0), None),
            groups[1]: (1, day(23, 0), day(8, 0)),
        }
        for group, (rank, due, unlock) in ranks.items():
            self.add(
                "assign_overrides",
                assignid=work["id"],
                groupid=group,
                userid=None,
                sortorder=rank,
                duedate=due,
                allowsubmissionsfromdate=unlock,
                cutoffdate=None,
            )
        for student in people:
            mine = [one for one in self.groups_of(student, course) if one in ranks]
            if mine:
                _, due, unlock = min(ranks[one] for one in mine)
                self.set_dates(work, student, due=due, unlock=unlock)
        general = work["row"]
        for student, due in ((people[5], day(26, 0)), (people[6], 0)):
            self.add(
                "assign_overrides",
                assignid=work["id"],
                groupid=None,
                userid=student,
                sortorder=None,
                duedate=due,
                allowsubmissionsfromdate=None,
                cutoffdate=None,
            )
            # it replaces the whole override of a group
            self.set_dates(
                work,
                student,
                unlock=general["allowsubmissionsfromdate"],
                due=due,
                lock=general["cutoffdate"],
            )
        for student, until in ((people[7], day(30, 0)), (people[8], day(2, 0))):
            self.add(
                "assign_user_flags",
                assignment=work["id"],
                userid=student,
                extensionduedate=until,
            )
            _, due, lock = self.dues[work["key"]][student]
            self.set_dates(work, student, due=max(due, until), lock=max(lock, until))

    def fill_teams(self, course, day, mark):
        people = list(self.students[course])
        for grouping in (0, 70 + course):
            work = self.assign(
                course,
                f"Team work {grouping}",
                day(38, 0),
                teamsubmission=1,
                teamsubmissiongroupingid=grouping,
            )
            teams = defaultdict(list)
            for student in people:
                groups = self.groups_of(student, course, grouping)
                teams[groups[0] if len(groups) == 1 else 0].append(student)
            for team, members in teams.items():
                if self.random.random() < 0.25:
                    continue
                when = day(36)
                self.add(
                    "assign_submission",
                    assignment=work["id"],
                    userid=0,
                    groupid=team,
                    timecreated=when,
                    timemodified=when,
                    status="submitted",
                    latest=1,
                )
                graded, grade = day(39), mark()
                for student in members:
                    self.tell(work, student, submitted=when)
                    self.grade(work, student, [(graded, grade)])
            # Moodle writes a row of its own for the member who pressed the button
            self.add(
                "assign_submission",
                assignment=work["id"],
                userid=people[0],
                timemodified=day(30),
                status="submitted",
                latest=1,
            )

    def fill_grading(self, course, day, some, mark):
        """Scales, no grades, hidden and excluded ones, and grading workflow."""
        scale = self.assign(course, "On a scale", day(30, 0), grade=-7)
        for student in some(0.7):
            self.hand_in(scale, student, day(29))
            self.grade(scale, student, [(day(32), self.random.randrange(1, 5))])
        ungraded = self.assign(course, "Not graded", day(31, 0), grade=0)
        for student in some(0.7):
            self.hand_in(ungraded, student, day(28))
        hidden = self.assign(course, "Hidden grades", day(33, 0), item={"hidden": 1})
        for student in some(0.7):
            self.hand_in(hidden, student, day(32))
            kept, hidden["high"] = hidden["high"], None
            self.grade(hidden, student, [(day(34), mark())])
            hidden["high"] = kept
        until = day(44, 0)
        later = self.assign(
            course, "Hidden for now", day(33, 0), item={"hidden": until}
        )
        for student in some(0.7):
            self.hand_in(later, student, day(32))
            when, grade = day(36), mark()
            self.add_grades(later, student, when, grade)
            oldid = self.present(later, student, when, grade)
            self.log(oldid, when, grade, raw=grade, action=1)
            self.tell(later, student, graded=until, score=self.score(later, grade))
        self.fill_own_hiding(course, day, some, mark)
        excused = self.assign(course, "Excused for some", day(40, 0))
        for place, student in enumerate(some(0.9)):
            self.hand_in(excused, student, day(39))
            if place % 3:
                self.grade(excused, student, [(day(42), mark())])
            else:
                count = len(self.truth["events"])
                self.grade(excused, student, [(day(42), mark())], excluded=day(43))
                del self.truth["events"][count - 1 :]
                self.dues[excused["key"]].pop(student)
        flow = self.assign(course, "In workflow", day(42, 0), markingworkflow=1)
        for place, student in enumerate(some(0.9)):
            self.hand_in(flow, student, day(41))
            when, grade = day(45), mark()
            state = "released" if place % 2 else "inreview"
            self.add(
                "assign_user_flags",
                assignment=flow["id"],
                userid=student,
                workflowstate=state,
            )
            self.add_grades(flow, student, when, grade)
            if state == "released":
                oldid = self.present(flow, student, when, grade)
                self.log(oldid, when, grade, raw=grade, action=1)
                self.tell(flow, student, graded=when, score=self.score(flow, grade))
            elif place % 4:
                self.present(flow, student, None, None)
        # one that students never saw, and one in the recycle bin
        self.assign(course, "Never shown", day(20, 0), place={"visible": 0})
        self.dues.pop(f"assign-{self.ids['assign']}")
        self.assign(course, "Thrown away", day(20, 0), place={"deletioninprogress": 1})
        self.dues.pop(f"assign-{self.ids['assign']}")
        forum = {"itemtype": "mod", "itemmodule": "forum", "iteminstance": 1}
        self.add("grade_items", courseid=course, itemname="Forum", grademax=9, **forum)

    def fill_own_hiding(self, course, day, some, mark):
        """Hide single grades, and show some of them again."""
        work = self.assign(course, "Hidden one by one", day(43, 0))
        for place, student in enumerate(some(0.9)):
            self.hand_in(work, student, day(42))
            when, grade, shown = day(46), mark(), day(52)
            self.add_grades(work, student, when, grade)
            if place % 3 == 0:  # hidden to this day
                oldid = self.present(work, student, when, grade, hidden=1)
                self.log(oldid, when, grade, raw=grade, action=1, hidden=1)
            elif place % 3 == 1:  # until a date
                oldid = self.present(work, student, when, grade, hidden=shown)
                self.log(oldid, when, grade, raw=grade, action=1, hidden=shown)
                self.tell(work, student, graded=shown, score=self.score(work, grade))
            else:  # shown by hand; without history that day is not known
                oldid = self.present(work, student, when, grade)
                self.log(oldid, when, grade, raw=grade, action=1, hidden=1)
                self.log(oldid, shown, grade)
                known = shown if self.history else when
                self.tell(work, student, graded=known, score=self.score(work, grade))

    def add_grades(self, work, student, when, grade):
        self.add(
            "assign_grades",
            assignment=work["id"],
            userid=student,
            timecreated=when,
            timemodified=when,
            grade=grade,
        )

    def present(self, work, student, when, grade, **more):
        return self.add(
            "grade_grades",
            itemid=work["item"],
            userid=student,
            rawgrade=grade,
            finalgrade=grade,
            timemodified=when,
            **more,
        )

    def fill_quizzes(self, course, day, some, random):
        for method in METHODS:
            work = self.quiz(course, f"Quiz, {method} grade", day(15, 0), method=method)
            for place, student in enumerate(some(0.8)):
                days = sorted(
                    day(random.randrange(10, 18)) for _ in range(place % 4 + 1)
                )
                attempts = [(end, random.randrange(0, 41) / 2) for end in days]
                override = None
                if place % 5 == 4:
                    override = (day(21), random.randrange(0, 21) / 2)
                self.take_quiz(work, student, attempts, override=override)
        for state in ("inprogress", "overdue", "abandoned"):
            student = list(self.students[course])[9]
            self.add(
                "quiz_attempts",
                quiz=work["id"],
                userid=student,
                attempt=50 + len(state),
                state=state,
                timestart=day(11),
                timefinish=day(12) if state == "abandoned" else 0,
                sumgrades=0,
            )
        for place, user in enumerate([900, list(self.students[course])[11]]):
            self.add(
                "quiz_attempts",
                quiz=work["id"],
                userid=user,
                attempt=90,
                preview=1,
                state="finished",
                timefinish=day(2 + place),
                timemodified=day(2 + place),
                sumgrades=20,
            )
        essay = self.quiz(course, "Open questions", day(26, 0))
        for student in some(0.7):
            self.take_quiz(essay, student, [(day(25), None)])
        # each date of a quiz: the student's own override, else the groups' kindest
        groups = [one["id"] for one in self.rows["groups"] if one["courseid"] == course]
        kind = {
            groups[0]: (day(20, 0), day(28, 0)),
            groups[1]: (day(21, 0), 0),
            groups[2]: (None, day(29, 0)),
        }
        own = {list(self.students[course])[10]: (day(22, 0), None)}
        for group, (opens, closes) in kind.items():
            self.add(
                "quiz_overrides",
                quiz=essay["id"],
                groupid=group,
                userid=None,
                timeopen=opens,
                timeclose=closes,
            )
        for student, (opens, closes) in own.items():
            self.add(
                "quiz_overrides",
                quiz=essay["id"],
                groupid=None,
                userid=student,
                timeopen=opens,
                timeclose=closes,
            )
        for student in self.students[course]:
            mine = [kind[one] for one in self.groups_of(student, course)]
            opens = [one for one, _ in mine if one is not None]
            closes = [one for _, one in mine if one is not None]
            first = own.get(student, (None, None))[0] or (min(opens) if opens else None)
            last = (0 if 0 in closes else max(closes)) if closes else None
            self.set_dates(essay, student, unlock=first, due=last, lock=last)

    def fill_exams(self, course, day, some, mark):
        """Exams: a quiz, an assignment, and a manual item for one on paper."""
        quiz = self.quiz(course, "Midterm exam", day(45, 0), total=40)
        for student in some(0.8):
            grades = [(day(44), self.random.randrange(0, 81) / 2)]
            self.take_quiz(quiz, student, grades)
        # nobody was absent from what is still to come
        self.quiz(course, "Resit exam", self.until + 5 * DAY)
        paper = self.assign(course, "Final exam", day(80, 0))
        for student in some(0.8):
            self.hand_in(paper, student, day(79))
            versions = [(day(84), mark()), (day(86), mark())]
            self.grade(paper, student, versions[: self.random.randrange(1, 3)])
        item = self.add(
            "grade_items",
            courseid=course,
            itemname="Oral exam",
            itemtype="manual",
            gradetype=1,
            grademax=10,
        )
        oral = {
            "course": course,
            "name": "Oral exam",
            "item": item,
            "low": 0,
            "high": 10,
            "key": f"manual-{item}",
            "row": {},
        }
        for student in some(0.6):
            versions = [(day(90), mark(10))]
            self.to_gradebook(oral, student, versions)
            self.tell(oral, student, graded=versions[0][0], score=10 * versions[0][1])
        total = self.add(
            "grade_items",
            courseid=course,
            itemtype="course",
            gradetype=1,
            grademax=200,
            gradepass=100,
        )
        for student in some(0.9):
            grade = mark(200)
            self.add(
                "grade_grades",
                itemid=total,
                userid=student,
                finalgrade=grade,
                timemodified=day(100),
            )
            # every change of a grade changes the total
            if self.history:
                self.add(
                    "grade_grades_history",
                    itemid=total,
                    userid=student,
                    finalgrade=grade,
                    timemodified=day(99),
                )
            if course != 13:
                self.truth["outcomes"].append(
                    {"student": student, "course": course, "final_grade": grade / 2}
                )

    # -- the tidy tables ------------------------------------------------------------

    def finish(self):
        """Write down assignments, submissions and exams."""
        happened = [
            one.get("submitted") or one.get("graded") for one in self.truth["events"]
        ]
        assert max(happened) < self.until
        works = {one["work"]["key"]: one["work"] for one in self.truth["events"]}
        for rows, name in (
            (self.rows["assign"], "assign"),
            (self.rows["quiz"], "quiz"),
        ):
            for row in rows:
                works.setdefault(
                    f"{name}-{row['id']}",
                    {
                        "course": row["course"],
                        "name": row["name"],
                        "key": f"{name}-{row['id']}",
                        "row": row,
                        "created": row.get("timecreated") if name == "quiz" else None,
                    },
                )
        by_pair = defaultdict(list)
        for one in self.truth["events"]:
            by_pair[one["work"]["key"], one["student"]].append(one)
        for key, work in works.items():
            if "exam" in work["name"]:
                self.finish_exam(work, by_pair)
                continue
            for student, (unlock, due, lock) in self.dues.get(key, {}).items():
                self.truth["assignments"].append(
                    {
                        "course": work["course"],
                        "assignment": key,
                        "name": work["name"],
                        "unlock": unlock,
                        "due": due,
                        "lock": lock,
                        "created": work["created"],
                        "student": student,
                    }
                )
            for (of_key, student), events in by_pair.items():
                if of_key == key:
                    self.truth["submissions"] += [
                        {
                            "student": student,
                            "course": work["course"],
                            "assignment": key,
                            "submitted": one.get("submitted"),
                            "graded": one.get("graded"),
                            "score": one.get("score"),
                        }
                        for one in events
                        if one.get("submitted") or one.get("score") is not None
                    ]

    def finish_exam(self, work, by_pair):
        joined = {
            row["student"]: row["joined"]
            for row in self.truth["enrolments"]
            if row["course"] == work["course"]
        }
        for student in self.students[work["course"]]:
            events = by_pair.get((work["key"], student), [])
            sat = [one["submitted"] for one in events if one.get("submitted")]
            grades = [one for one in events if one.get("score") is not None]
            shared = {
                "student": student,
                "course": work["course"],
                "exam": work["name"],
            }
            for one in grades:
                self.truth["exams"].append(
                    shared
                    | {
                        "date": min([*sat, one["graded"]]),
                        "graded": one["graded"],
                        "grade": one["score"],
                    }
                )
            dues = self.dues.get(work["key"], {}).get(student)
            if not events and dues and joined[student] <= dues[1] < self.until:
                self.truth["exams"].append(
                    shared | {"date": dues[1], "graded": None, "grade": None}
                )

    def tidy(self):
        """Return the five tables of `make_event_table`."""
        names = ("enrolments", "assignments", "submissions", "exams", "outcomes")
        return [pd.DataFrame(self.truth[name]) for name in names]


KEYS = ["user_uuid", "course_uuid", "particion"]
EXAM_KINDS = {
    "parciales": ("Midterm exam",),
    "integradores": ("Final exam",),
    "recuperatorios": ("Oral exam",),
}


def snapshots(X):
    """Return the features of each student, course and day, and what people read."""
    engineer = FeatureEngineer(exam_kinds=EXAM_KINDS, fill_value=None)
    features = engineer.fit_transform(X)
    shown = ["nota_final_materia", "periodo", "legajo", "course_name"]
    features = features.assign(**{name: X[name] for name in shown})
    return features.drop_duplicates(KEYS).sort_values(KEYS).reset_index(drop=True)


def assert_same_features(X, site):
    expected = make_event_table(
        *site.tidy(), grade_scale=100, until=site.until, passing_grade=50
    )
    pd.testing.assert_frame_equal(snapshots(X), snapshots(expected), rtol=1e-9)
