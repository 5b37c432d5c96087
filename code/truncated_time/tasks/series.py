"""Real series that well-kept libraries ship with their wheels: no download."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sunspots() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Load the yearly sunspot numbers, 1700 to 2008.

    Returns
    -------
    years : ndarray of int, shape (309,)
        The years.
    activity : ndarray of float64, shape (309,)
        Mean sunspot number of each year.

    Raises
    ------
    ImportError
        If statsmodels, which ships the series, is not installed.

    Examples
    --------
    >>> from truncated_time.tasks import sunspots
    >>> years, activity = sunspots()
    >>> years[[0, -1]], activity[[0, -1]]
    (array([1700, 2008]), array([5. , 2.9]))
    """
    try:
        from statsmodels.datasets import sunspots as source
    except ImportError as error:
        raise ImportError("sunspots() needs statsmodels: pip install 'tbptt[series]'") from error
    table = source.load_pandas().data
    return table["YEAR"].to_numpy(dtype=np.int64), table["SUNACTIVITY"].to_numpy(dtype=np.float64)


def carbon_dioxide() -> NDArray[np.float64]:
    """Load the weekly carbon dioxide in the air at Mauna Loa, March 1958 to December 2001.

    Returns
    -------
    ndarray of float64, shape (2284,)
        Parts per million. A missing week (59 are) repeats the week before it, which is what
        somebody who waited for it would have known.

    Raises
    ------
    ImportError
        If statsmodels, which ships the series, is not installed.

    Examples
    --------
    >>> from truncated_time.tasks import carbon_dioxide
    >>> carbon_dioxide()[[0, -1]]  # parts per million, 1958 and 2001
    array([316.1, 371.5])
    """
    level = carbon_dioxide_raw()
    measured = np.where(np.isnan(level), 0, np.arange(len(level)))
    return level[np.maximum.accumulate(measured)]


def carbon_dioxide_raw() -> NDArray[np.float64]:
    """Load the same weeks as they were measured, the missing ones as NaN.

    Returns
    -------
    ndarray of float64, shape (2284,)
        Parts per million.

    Raises
    ------
    ImportError
        If statsmodels, which ships the series, is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from truncated_time.tasks import carbon_dioxide_raw
    >>> int(np.isnan(carbon_dioxide_raw()).sum())  # weeks without a measurement
    59
    """
    try:
        from statsmodels.datasets import co2 as source
    except ImportError as error:
        raise ImportError(
            "carbon_dioxide() needs statsmodels: pip install 'tbptt[series]'"
        ) from error
    level: NDArray[np.float64] = source.load_pandas().data["co2"].to_numpy(np.float64)
    return level


def sea_temperature() -> NDArray[np.float64]:
    """Load the monthly temperature of the sea off Peru and Ecuador, 1950 to 2010.

    Its warm and cold spells of some years are El Niño and La Niña. The chapter on choosing keeps
    the last twelve years for one look.

    Returns
    -------
    ndarray of float64, shape (732,)
        Degrees Celsius at the surface, averaged over the region Niño 1+2. No month is missing.

    Raises
    ------
    ImportError
        If statsmodels, which ships the series, is not installed.

    Examples
    --------
    >>> from truncated_time.tasks import sea_temperature
    >>> sea_temperature()[:2]  # January and February 1950
    array([23.11, 24.2 ])
    """
    try:
        from statsmodels.datasets import elnino as source
    except ImportError as error:
        raise ImportError(
            "sea_temperature() needs statsmodels: pip install 'tbptt[series]'"
        ) from error
    months: NDArray[np.float64] = source.load_pandas().data.to_numpy(np.float64)[:, 1:].ravel()
    return months


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load handwritten digits of 8 by 8 pixels as sequences of 64 steps, read row by row.

    Returns
    -------
    x : ndarray of float32, shape (1797, 64, 1)
        Ink in each pixel, from 0 to 1.
    y : ndarray of int, shape (1797,)
        The digit, 0 to 9.

    Raises
    ------
    ImportError
        If scikit-learn, which ships the images, is not installed.

    Examples
    --------
    >>> from truncated_time.tasks import digits
    >>> x, y = digits()
    >>> x.shape, y[:5]
    ((1797, 64, 1), array([0, 1, 2, 3, 4]))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("digits() needs scikit-learn: pip install 'tbptt[series]'") from error
    pixels, labels = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)[:, :, None]  # (1797, 64) -> (1797, 64, 1)
    return x, labels.astype(np.int64)
